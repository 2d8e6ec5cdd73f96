r"""
From the model id of a request to an id of the price book, by exact rules only.

1. The id itself or an alias, whatever the case of its letters.
2. The id without a dated-snapshot suffix of a form that the provider uses, `-20250929` or
   `-2025-08-07`: snapshots of a model cost what the model costs, unless they are listed themselves.
3. Both again after each of the provider's rewrites: the shapes in which it writes ids, such as an
   ARN or `us.` in front.

Nothing is ever found by a part of its name: `gpt-5-turbo-max` is not `gpt-5`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from llmcap.words.errors import PriceError

# The forms of a snapshot's date, at the end of an id. Which of them a provider uses is in its file.
SNAPSHOTS = {
    "yyyymmdd": re.compile(r"[-@](?P<y>20\d\d)(?P<m>\d\d)(?P<d>\d\d)$"),
    "yyyy-mm-dd": re.compile(r"-(?P<y>20\d\d)-(?P<m>\d\d)-(?P<d>\d\d)$"),
    "mmdd": re.compile(r"-(?P<m>\d\d)(?P<d>\d\d)$"),
    "mm-dd": re.compile(r"-(?P<m>\d\d)-(?P<d>\d\d)$"),
    "mm-yyyy": re.compile(r"-(?P<m>\d\d)-(?P<y>20\d\d)$"),
    "nnn": re.compile(r"-0\d\d$"),
    "latest": re.compile(r"-latest$"),
}


@dataclass(frozen=True, slots=True)
class Names:
    """How one provider writes model ids."""

    snapshots: tuple[re.Pattern[str], ...]
    rewrites: tuple[tuple[re.Pattern[str], str], ...]

    def candidates(self, model: str) -> Iterator[str]:
        """Ids to look up, the most exact first, in lower case."""
        spelled = model.strip().lower()
        yield spelled
        if bare := self._undated(spelled):
            yield bare
        for pattern, replacement in self.rewrites:
            rewritten = pattern.sub(replacement, spelled, count=1)
            if rewritten != spelled:
                spelled = rewritten
                yield spelled
                if bare := self._undated(spelled):
                    yield bare

    def _undated(self, model: str) -> str | None:
        for pattern in self.snapshots:
            match = pattern.search(model)
            if match and match.start() and _is_date(match.groupdict()):
                return model[: match.start()]
        return None


def parse_names(
    provider: str, snapshots: Sequence[str], rewrites: Sequence[Sequence[str]]
) -> Names:
    """The rules of one provider's file, checked."""
    unknown = [name for name in snapshots if name not in SNAPSHOTS]
    if unknown:
        raise PriceError(
            f"{provider}.yaml: snapshots: {', '.join(unknown)} is not a form of date\n"
            f"hint: the forms are {', '.join(SNAPSHOTS)}"
        )
    compiled: list[tuple[re.Pattern[str], str]] = []
    for pair in rewrites:
        try:
            pattern, replacement = pair
            compiled.append((re.compile(pattern), replacement))
        except (ValueError, re.error) as error:
            raise PriceError(
                f"{provider}.yaml: rewrites: {pair!r} must be [pattern, replacement]: {error}"
            ) from error
        if not pattern.startswith("^") and not pattern.endswith("$"):
            raise PriceError(f"{provider}.yaml: rewrites: {pattern!r} must be anchored with ^ or $")
    return Names(tuple(SNAPSHOTS[name] for name in snapshots), tuple(compiled))


def _is_date(parts: Mapping[str, str]) -> bool:
    if "m" not in parts:
        return True
    leap_year = "2024"
    try:
        date(int(parts.get("y") or leap_year), int(parts["m"]), int(parts.get("d") or 1))
    except ValueError:
        return False
    return True
