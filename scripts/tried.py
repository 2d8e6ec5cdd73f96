"""One client that `scripts/works_with` tries: where it comes from, and how it is asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

PROMPT = "Say hello."

# Programs of ours that hold a session over a WebSocket.
TALKS = ("realtime_program.py", "openai_voice_program.py", "live_program.py")

# Programs that run JavaScript in place of Node, as npm has them.
RUNTIMES = ("npm:bun", "npm:deno")


@dataclass(frozen=True, slots=True)
class Tried:
    """
    One client, asked in one way.

    `command` begins with a program of its installation; `{here}` is the folder of our programs that
    use a library, `{home}` that of its settings. The first package has the version that is told.
    """

    name: str
    packages: tuple[str, ...]
    command: tuple[str, ...]
    python: str = ""  # the version of Python that it needs; "": ours
    files: Mapping[str, str] = MappingProxyType({})
    callers: int = 1  # agents of its own, each of which may ask
    known: str = ""  # why it does not keep to what is promised
    environ: Mapping[str, str] = field(default_factory=dict)
    talks: bool = False  # whether it is asked over a WebSocket
    confined: bool = False  # whether it is run with `--confine`, as it reads no proxy's address

    @property
    def on_node(self) -> bool:
        """Whether it comes from npm."""
        return self.packages[0].startswith("npm:")

    @property
    def folder(self) -> str:
        """
        Where it is installed; what is asked in several ways is installed once. Some have one name
        in both registries.
        """
        runtimes = [each for each in self.packages[1:] if each in RUNTIMES]
        name = "-".join((self.packages[0], *runtimes))
        return "".join(c if c.isalnum() else "-" for c in name)


def js(
    name: str, packages: tuple[str, ...], program: str, *ways: str, known: str = ""
) -> list[Tried]:
    """A library for Node, asked in these ways by a program of ours."""
    named = tuple(f"npm:{package}" for package in packages)
    return [
        Tried(
            f"{name}, {way}" if way else name,
            named,
            ("node", f"{{here}}/{program}", *way.split()),
            known=known,
        )
        for way in ways
    ]


def py(name: str, packages: tuple[str, ...], program: str, *ways: str, **more: str) -> list[Tried]:
    """The same for Python."""
    return [
        Tried(
            f"{name}, {way}" if way else name,
            packages,
            ("python", f"{{here}}/{program}", *way.split()),
            known=more.get("known", ""),
            talks=program in TALKS,
        )
        for way in ways
    ]


def on_runtimes(name: str, packages: tuple[str, ...], program: str, *ways: str) -> list[Tried]:
    """The same library for Node, run by Bun and by Deno, which have a `fetch` of their own."""
    runtimes = {"Bun": ("bun", "bun"), "Deno": ("deno", "deno", "run", "--allow-all")}
    return [
        Tried(
            f"{name} on {runtime}, {way}",
            tuple(f"npm:{package}" for package in (*packages, made_by)),
            (*command, f"{{here}}/{program}", *way.split()),
        )
        for runtime, (made_by, *command) in runtimes.items()
        for way in ways
    ]
