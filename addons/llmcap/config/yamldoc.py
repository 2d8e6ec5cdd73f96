"""
YAML with the place of every value, so that an error can name file, line and key.

Numbers keep their exact literal: `2.50` is `Decimal("2.50")`, never a float. A key that stands
twice in one map is an error, since YAML's own rule (the last one wins) hides mistakes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

import yaml

from llmcap.words.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Place:
    """A value of a YAML document and where it stands."""

    value: Any  # str, int, Decimal, bool, None, list of Place, or dict of str to Place
    file: str
    line: int
    path: str  # dotted: `budgets.0.cap`; empty for the document itself

    def fail(self, problem: str, *, hint: str = "") -> NoReturn:
        """Raise a `ConfigError` that names this place."""
        where = f"{self.file}:{self.line}"
        key = f" {self.path}:" if self.path else ""
        raise ConfigError(f"{where}:{key} {problem}" + (f"\nhint: {hint}" if hint else ""))

    def items(self) -> Iterator[tuple[str, "Place"]]:
        """The keys and values of a map; anything else fails, but for an empty document."""
        if self.value is None:
            return
        if not isinstance(self.value, dict):
            self.fail(f"{self.shown} is not a map of keys to values")
        yield from self.value.items()

    def each(self) -> Iterator["Place"]:
        """The values of a list; anything else fails."""
        if not isinstance(self.value, list):
            self.fail(f"{self.shown} is not a list: start each entry with `- `")
        yield from self.value

    @property
    def shown(self) -> str:
        """The value as an error shows it: short, and as typed."""
        text = repr(self.plain) if not isinstance(self.value, Decimal) else str(self.value)
        return text if len(text) <= 60 else text[:57] + "..."

    @property
    def plain(self) -> Any:
        """The value without its places."""
        if isinstance(self.value, dict):
            return {key: place.plain for key, place in self.value.items()}
        if isinstance(self.value, list):
            return [place.plain for place in self.value]
        return self.value


def parse(text: str, *, file: str) -> Place:
    """The document in `text`. Raises `ConfigError` for what is no YAML."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        return Place(None, file, 1, "") if node is None else _place(node, file, "")
    except RecursionError:
        raise ConfigError(f"{file}:1: this is nested too deeply, or in itself") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = error.problem or "cannot be read"
        raise ConfigError(f"{file}:{line}: this is not valid YAML: {problem}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{file}:1: this is not valid YAML: {error}") from error


def _place(node: yaml.Node, file: str, path: str) -> Place:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        return Place(
            [_place(item, file, f"{path}.{i}".lstrip(".")) for i, item in enumerate(node.value)],
            file,
            line,
            path,
        )
    if isinstance(node, yaml.MappingNode):
        return Place(_mapping(node, file, path), file, line, path)
    return Place(_scalar(node), file, line, path)


def _mapping(node: yaml.MappingNode, file: str, path: str) -> dict[str, Place]:
    found: dict[str, Place] = {}
    for key_node, value_node in node.value:
        key = str(key_node.value)
        place = _place(value_node, file, f"{path}.{key}".lstrip("."))
        if key in found:
            first = found[key].line
            place.fail(f"the key stands twice in one map, first at line {first}")
        found[key] = place
    return found


def _scalar(node: yaml.Node) -> Any:
    tag = node.tag.rpartition(":")[2]
    text = str(node.value)
    if tag == "null":
        return None
    if tag == "bool":
        return text.lower() in ("true", "yes", "on")
    if tag == "int" and text.replace("_", "").lstrip("+-").isdigit():
        return int(text.replace("_", ""))
    if tag == "float":
        try:
            return Decimal(text.replace("_", ""))
        except InvalidOperation:
            return text
    return text
