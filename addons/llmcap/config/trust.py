"""
Configs that nobody named: one that lies in a checkout may be a stranger's, until it is trusted.

`llmcap.yaml` in the folder of a project is for the people who work on it, and whoever clones a
repository has its author's. Such a file may make things stricter, and nothing else: it cannot raise
or drop a cap of the user's own, set prices, name providers, let unknown calls pass or send alerts,
before `llmcap config trust` was said of what stands in it now.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from llmcap.words.errors import ConfigError
from llmcap.words.paths import data_folder, make_folder
from llmcap.words.records import Budget, EndpointPolicy, Policy, UnknownPolicy
from llmcap.words.rules import NO_BREAKERS, Action, HostPolicy

FILE_NAME = "trusted-configs.json"

# Settings that a stranger's file may tighten, each from the strictest on.
_ORDERS: Mapping[str, Sequence[object]] = {
    "fail_open": (False, True),
    "unknown_models": (UnknownPolicy.REFUSE, UnknownPolicy.MOST_EXPENSIVE, UnknownPolicy.ALLOW),
    "unknown_endpoints": (EndpointPolicy.REFUSE, EndpointPolicy.AUTO, EndpointPolicy.PASS),
    "unmetered_hosts": (HostPolicy.REFUSE, HostPolicy.AUTO, HostPolicy.WARN, HostPolicy.PASS),
    "durability": ("full", "normal"),
    "confine": (True, False),
}


def stricter(own: Policy, found: Policy) -> tuple[Policy, tuple[str, ...]]:
    """
    The user's own policy with what makes it stricter in the one that was found.

    With it the names of the settings that were left out.
    """
    tightened = {
        name: min(getattr(own, name), getattr(found, name), key=order.index)
        for name, order in _ORDERS.items()
    }
    taken = {budget.name for budget in own.budgets}
    added = tuple(_without_downgrades(each) for each in found.budgets if each.name not in taken)
    breakers = found.breakers if own.breakers == NO_BREAKERS else own.breakers
    policy = replace(own, budgets=(*own.budgets, *added), breakers=breakers, **tightened)
    plain = Policy()
    ignored = [
        name
        for name in Policy.__dataclass_fields__
        if name != "budgets"
        and getattr(found, name) not in (getattr(plain, name), getattr(policy, name))
    ]
    ignored += [f"the budget {each.name!r}" for each in found.budgets if each.name in taken]
    ignored += [
        f"the downgrades of {each.name!r}"
        for each in found.budgets
        if each.name not in taken and _without_downgrades(each) != each
    ]
    return policy, tuple(ignored)


def _without_downgrades(budget: Budget) -> Budget:
    """The model that a stranger would have in place of the asked one may be any."""
    kept = tuple(each for each in budget.at if each.action is not Action.DOWNGRADE)
    return budget if len(kept) == len(budget.at) else replace(budget, at=kept)


# --- what is trusted ------------------------------------------------------------------------


def is_trusted(path: Path, *, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the user has trusted what stands in this file now."""
    try:
        return _known(environ).get(str(path.resolve())) == _digest(path)
    except OSError:
        return False


def trust(path: Path, *, environ: Mapping[str, str] = os.environ) -> Path:
    """Trust what stands in the file now, until it changes; where that is kept."""
    place = data_folder(environ) / FILE_NAME
    try:
        known = {**_known(environ), str(path.resolve()): _digest(path)}
        make_folder(place.parent)
        made = place.with_suffix(".new")
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(known, file, indent=2)
        made.replace(place)
    except OSError as error:
        raise ConfigError(
            f"{error.filename or place}: {path} cannot be trusted: {error.strerror}"
        ) from error
    return place


def _known(environ: Mapping[str, str]) -> dict[str, str]:
    try:
        known = json.loads((data_folder(environ) / FILE_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # what cannot be read trusts nobody
    return known if isinstance(known, dict) else {}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
