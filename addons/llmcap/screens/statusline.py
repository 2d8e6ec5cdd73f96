"""
A line on what is spent and left, for agents, shells and bars that show one again and again.

It has to be quick: it imports little of the standard library and nothing else, and asks the proxy
that its program runs behind. Run it as `python -m llmcap.screens.statusline [--format FORMAT]`.
"""

import json
import os
import socket
import stat
import sys
from collections.abc import Mapping, Sequence
from select import select
from types import MappingProxyType
from typing import Any

# Where a proxy of ours tells it: as `launch.statuspage` has them, which is not worth its import.
HOST = "llmcap.internal"
PATH = "/status.json"
PROXY_VARIABLE = "LLMCAP_PROXY"

ANSWER_SECONDS_MAX = 0.5
SAID_SECONDS_MAX = 0.1  # for a pipe that nobody writes to, and nobody closes
ANSWER_BYTES_MAX = 1_000_000

FORMATS = ("ansi", "plain", "tmux", "waybar", "xbar", "json")

# Shares of a cap are in billionths, and from these on a budget is shown as getting low, and as all
# but gone. Whole numbers, as money is never a float; `decimal` would cost a millisecond.
WHOLE = 1_000_000_000
LOW, GONE = 75 * WHOLE // 100, 95 * WHOLE // 100

ANSI = {"ok": "\x1b[32m", "low": "\x1b[33m", "gone": "\x1b[31m"}
TMUX = {"ok": "green", "low": "yellow", "gone": "red"}
HEX = {"ok": "#2e8b57", "low": "#c28a00", "gone": "#c0392b"}


def main(arguments: Sequence[str] = (), environ: Mapping[str, str] = os.environ) -> None:
    """Print the line. Nothing that goes wrong is worth an error in somebody's prompt."""
    form = "ansi"
    if "--format" in arguments[:-1]:
        form = arguments[arguments.index("--format") + 1]
    if form == "ansi" and environ.get("NO_COLOR"):
        form = "plain"
    status = ask(environ, session := said_by_agent())
    if status is not None and session.get("cost_usd"):
        status["agent_usd"] = session["cost_usd"]
    sys.stdout.write(render(status, form) + "\n")


def said_by_agent(descriptor: int = 0) -> dict[str, str]:
    """
    The session, and what it has cost by its own account, where an agent says so on standard input.

    Claude Code writes JSON with `session_id` and `cost.total_cost_usd` there:
    https://docs.claude.com/en/docs/claude-code/statusline. Nobody else has to write anything.
    """
    said = b""
    try:
        if stat.S_ISCHR(os.fstat(descriptor).st_mode):
            return {}
        while len(said) < ANSWER_BYTES_MAX and select([descriptor], [], [], SAID_SECONDS_MAX)[0]:
            if not (data := os.read(descriptor, 65_536)):
                break
            said += data
        found = json.loads(said)
    except (OSError, ValueError, RecursionError):
        return {}
    found = found if isinstance(found, dict) else {}
    cost = found["cost"].get("total_cost_usd") if isinstance(found.get("cost"), dict) else None
    session = found.get("session_id")
    return {
        "session": session if isinstance(session, str) and _plain(session) else "",
        "cost_usd": f"{cost:.6f}" if isinstance(cost, int | float) and 0 <= cost < 1e9 else "",
    }


def ask(
    environ: Mapping[str, str], said: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any] | None:
    """What the proxy of this environment, else the standing one, tells; None without one."""
    wanted = f"?session={said['session']}" if said.get("session") else ""
    address = proxy_address(environ)
    if address is None:
        return None
    request = (
        f"GET http://{HOST}{PATH}{wanted} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
    )
    answer = b""
    try:
        with socket.create_connection(address, timeout=ANSWER_SECONDS_MAX) as connection:
            connection.sendall(request.encode())
            while not _whole(answer) and (data := connection.recv(65_536)):
                answer += data
        head, _, body = answer.partition(b"\r\n\r\n")
        found = json.loads(body) if head.split(b" ")[1:2] == [b"200"] else None
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _plain(name: str) -> bool:
    """Whether it can stand in an address as it is, as the sessions of agents do."""
    return name.isascii() and name.replace("-", "").replace("_", "").isalnum()


def _whole(answer: bytes) -> bool:
    """Whether all of the answer is there; waiting for its end of file would take longer."""
    head, end, body = answer.lower().partition(b"\r\n\r\n")
    length = head.partition(b"content-length:")[2].partition(b"\r")[0].strip()
    return len(answer) > ANSWER_BYTES_MAX or (
        bool(end) and length.isdigit() and len(body) >= int(length)
    )


def proxy_address(environ: Mapping[str, str]) -> tuple[str, int] | None:
    """Where the proxy listens that this environment, or the user's standing one, names."""
    url = environ.get(PROXY_VARIABLE, "")
    host, _, port = url.rpartition("@")[2].rpartition("/")[2].rpartition(":")
    if port.isdigit():
        return host, int(port)
    # Only where no variable says it: this import costs a few milliseconds.
    from llmcap.launch import standing  # noqa: PLC0415

    found = standing.find(environ)
    return ("127.0.0.1", found.port) if found else None


def _shown(value: str) -> str:
    """A name that a client gave, without what a terminal would obey; `words.told` is too heavy."""
    return "".join(each if each.isprintable() else "?" for each in value)


def render(status: Mapping[str, Any] | None, form: str) -> str:
    """The line in one of the formats; without a proxy it says so, or nothing where that is best."""
    if form == "json":
        return json.dumps(status)
    if status is None:
        return "" if form == "tmux" else _styled("LLMCap off", "low", [], form)
    budgets = [_budget(budget) for budget in status.get("budgets", ())]
    # The one that is nearest to its cap decides the colour and stands first.
    budgets.sort(key=lambda budget: -budget[0])
    level = _level(budgets[0][0]) if budgets else "ok"
    parts = [_spent(status), *(text for _, text in budgets[:2])]
    return _styled(" · ".join(part for part in parts if part), level, budgets, form)


def _spent(status: Mapping[str, Any]) -> str:
    """The cost of the session that asks, else of this run, where the proxy is one of a run."""
    session, agent = status.get("session_usd"), status.get("agent_usd")
    if session is not None:
        beside = f" (by the agent {_dollars(agent)})" if agent else ""
        return f"session {_dollars(session)}{beside}"
    cost = status.get("cost_usd")
    return f"{_dollars(cost)} spent" if cost is not None else ""


def _budget(budget: Mapping[str, Any]) -> tuple[int, str]:
    """The share that is gone, and the words."""
    cap, left = _billionths(budget["cap"]), _billionths(budget["left"])
    gone = WHOLE * (cap - left) // cap if cap else WHOLE
    value = f" {_shown(budget['value'])}" if budget.get("value") else ""
    name = "" if budget["budget"] == "cap" else f" {budget['budget']}{value}"
    if budget["unit"] == "usd":
        return (
            gone,
            f"{_dollars(budget['left'], down=True)} of {_dollars(budget['cap'])} left{name}",
        )
    return gone, f"{budget['left']:,} of {budget['cap']:,} {budget['unit']} left{name}"


def _billionths(amount: str | int) -> int:
    """Of a decimal text such as `0.43`, which dollars come as, or of a count."""
    whole, _, fraction = str(amount).partition(".")
    return int(f"{whole}{fraction[:9]:0<9}")


def _dollars(amount: str, *, down: bool = False) -> str:
    """Cents where there are some, else as many digits as matter; what is left is rounded down."""
    whole, _, fraction = amount.partition(".")
    if whole == "0" and fraction.startswith("00") and fraction.strip("0"):
        digits = len(fraction) - len(fraction.lstrip("0")) + 2
        return f"${whole}.{fraction[:digits]}"
    cents = int(whole) * 100 + int(f"{fraction[:2]:0<2}")
    if not down and fraction[2:3] >= "5":
        cents += 1
    return f"${cents // 100}.{cents % 100:02}"


def _level(gone: int) -> str:
    return "gone" if gone >= GONE else "low" if gone >= LOW else "ok"


def _styled(text: str, level: str, budgets: Sequence[tuple[int, str]], form: str) -> str:
    if form == "ansi":
        return f"{ANSI[level]}{text}\x1b[0m"
    if form == "tmux":
        return f"#[fg={TMUX[level]}]{text}#[default]"
    if form == "waybar":  # https://github.com/Alexays/Waybar/wiki/Module:-Custom
        tooltip = "\n".join(words for _, words in budgets)
        percentage = round(100 * budgets[0][0] / WHOLE) if budgets else 0
        document = {"text": text, "class": level, "tooltip": tooltip, "percentage": percentage}
        return json.dumps(document)
    if form == "xbar":  # https://github.com/matryer/xbar-plugins/blob/main/CONTRIBUTING.md
        lines = [f"{text} | color={HEX[level]}", "---", *(words for _, words in budgets)]
        return "\n".join(lines)
    return text


if __name__ == "__main__":
    main(sys.argv[1:])
