"""The `budgets` of a config: caps, windows, scopes, and what happens at their thresholds."""

from decimal import Decimal
from typing import Any

from llmcap.budgets.budget import parse_cap, parse_window
from llmcap.budgets.windows import EPOCH
from llmcap.config.readers import (
    NAMES,
    SECONDS,
    TEXT,
    UNCLAIMABLE,
    WORD,
    Kind,
    attributes,
    choice,
    fields,
    guarded,
    list_of,
    map_schema,
    patterns,
    percent_of,
)
from llmcap.config.yamldoc import Place
from llmcap.words.records import Budget, BudgetMode, CapUnit, HoldMode
from llmcap.words.rules import Action, Threshold

# A throttle that keeps a client waiting longer looks like a hang, and many time out.
THROTTLE_SECONDS_MAX = 60
FORECAST_PERCENT_MAX = 1000

_EXAMPLE = "write it like `- {name: all, cap: $50}`"
_ACTIONS = "warn, {throttle: 2s}, {downgrade: MODEL} or refuse"


def _zone(place: Place) -> str:
    name = TEXT.read(place)
    guarded(place, parse_window, "once", name)
    return name


ZONE = Kind(_zone, TEXT.schema)


def read_budgets(
    place: Place, *, hold: HoldMode, timezone: str, mode: BudgetMode = BudgetMode.ENFORCE
) -> tuple[Budget, ...]:
    """All budgets of the file; the settings are the file's, for those that say nothing else."""
    budgets: list[Budget] = []
    for entry in place.each():
        budget = _budget(entry, hold=hold, timezone=timezone, mode=mode)
        if any(other.name == budget.name for other in budgets):
            entry.fail(f"there are two budgets named {budget.name!r}: rename one")
        budgets.append(budget)
    return tuple(budgets)


def _budget(entry: Place, *, hold: HoldMode, timezone: str, mode: BudgetMode) -> Budget:
    places = dict(entry.items())
    values = fields(entry, KINDS, what="a budget")
    for key in ("name", "cap"):
        if key not in values:
            entry.fail(f"the budget has no {key}", hint=_EXAMPLE)
    values["cap"], values["unit"] = values["cap"]
    values = {"hold": hold, "timezone": timezone, "every": "once", "mode": mode, **values}
    where = places.get("every", entry)
    window = guarded(where, parse_window, values["every"], values["timezone"])
    budget = Budget(**values)
    endless = window.reach or window.resets_at(EPOCH) is None or budget.unit is CapUnit.CONCURRENT
    if endless and any(threshold.forecast for threshold in budget.at):
        places["at"].fail("only a window that ends, such as a day, has a forecast")
    return budget


# --- thresholds -------------------------------------------------------------------------------


def _thresholds(place: Place) -> tuple[Threshold, ...]:
    """`{80%: warn, 95%: {downgrade: MODEL}, forecast 100%: warn}`, in the order of their shares."""
    found: list[Threshold] = []
    for key, entry in place.items():
        share, forecast = _share(key, entry)
        entries = list(entry.each()) if isinstance(entry.value, list) else [entry]
        for each in entries:
            threshold = _threshold(each, share, forecast=forecast)
            if forecast and threshold.action is Action.REFUSE:
                each.fail("a forecast is a guess, so it refuses nothing: warn instead")
            found.append(threshold)
    return tuple(sorted(found, key=lambda threshold: (threshold.forecast, threshold.percent)))


def _share(key: str, entry: Place) -> tuple[int, bool]:
    word, space, rest = key.partition(" ")
    forecast = bool(space) and word == "forecast"
    percent = percent_of(rest if forecast else key)
    most = FORECAST_PERCENT_MAX if forecast else 100
    if percent is None or not 1 <= percent <= most:
        entry.fail(
            f"{key!r} is no threshold: write it like 80% (of the cap that is spent, up to 100%) "
            "or `forecast 100%`"
        )
    return percent, forecast


def _threshold(entry: Place, percent: int, *, forecast: bool) -> Threshold:
    if isinstance(entry.value, str) and entry.value in (Action.WARN, Action.REFUSE):
        return Threshold(percent, Action(entry.value), forecast)
    if not isinstance(entry.value, dict) or len(entry.value) != 1:
        entry.fail(f"{entry.shown} is no action: expected {_ACTIONS}")
    ((name, argument),) = entry.items()
    if name == Action.DOWNGRADE:
        return Threshold(percent, Action.DOWNGRADE, forecast, models=NAMES.read(argument))
    if name != Action.THROTTLE:
        argument.fail(f"{name!r} is no action: expected {_ACTIONS}")
    delay = SECONDS.read(argument)
    if not Decimal(0) < delay <= THROTTLE_SECONDS_MAX:
        argument.fail(f"{argument.shown} is no delay: expected more than 0, up to 60s")
    return Threshold(percent, Action.THROTTLE, forecast, delay_seconds=delay)


_ACTION_SCHEMA = list_of(
    Kind(
        lambda place: place,
        {
            "anyOf": [
                {"enum": ["warn", "refuse"]},
                map_schema({"throttle": SECONDS}, required=["throttle"]),
                map_schema({"downgrade": NAMES}, required=["downgrade"]),
            ]
        },
    )
).schema

# --- the table --------------------------------------------------------------------------------


# An exception must not be there for the claiming, by a header or by a field of the request.
_EXCEPTIONS = list_of(patterns(UNCLAIMABLE, least=1))


def _cap(place: Place) -> Any:
    return guarded(place, parse_cap, place.plain)


KINDS: dict[str, Kind[Any]] = {
    "name": WORD.said("A name of its own, told in every refusal."),
    "cap": Kind(
        _cap,
        {
            "type": ["string", "number"],
            "description": 'Dollars (5, $0.50), or "100k tokens", "60 requests", "4 concurrent".',
        },
    ),
    "every": WORD.said(
        "once, run, minute, hour, day, week, month, year, a rolling length like 5h, or five cron "
        'fields like "0 9 * * mon".'
    ),
    "timezone": ZONE.said("Where its days begin, such as Europe/Berlin."),
    "match": patterns().said("Only calls with these attributes fall under it; globs."),
    "allow": Kind(
        _EXCEPTIONS.read,
        {
            "description": "Calls with these attributes do not fall under it: the named exception.",
            **_EXCEPTIONS.schema,
        },
    ),
    "per": attributes().said("One budget for each value of these attributes."),
    "hold": choice(HoldMode).said("How much of a stream's possible output is held at once."),
    "mode": choice(BudgetMode).said("watch: say what it would have done, and stop nothing."),
    "at": Kind(
        _thresholds,
        {
            "type": "object",
            "description": "What happens at shares of the cap, or of the forecast.",
            "additionalProperties": False,
            "patternProperties": {r"^(forecast )?\d{1,4}%$": _ACTION_SCHEMA},
        },
    ),
}

SCHEMA = {"type": "array", "items": map_schema(KINDS, required=["name", "cap"])}
