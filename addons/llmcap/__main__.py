"""
`llmcap`, and `python -m llmcap` from a bare checkout.

What is to be confined is forked first: a fork copies the tables of what a process has in memory,
and afterwards each page that either of the two writes to. Here there is hardly anything yet.
"""

import sys
from collections.abc import Sequence
from itertools import pairwise


def confines(words: Sequence[str]) -> bool:
    """
    Whether a command line may want a child. It is not read here: one that is wrong is in vain.

    >>> confines(["run", "--cap", "5", "--confine", "--", "claude"])
    True
    >>> confines(["run", "--no-confine", "--", "ls", "--confine"])
    False
    """
    ours = words[: words.index("--")] if "--" in words else words
    if ours[:1] != ["run"] or "--no-confine" in ours:
        return False
    return "--confine" in ours or _config_confines(ours)


def _config_confines(words: Sequence[str]) -> bool:
    """The same of the config, which is not read either: most say it in a line of its own."""
    from llmcap.words.configfile import find  # noqa: PLC0415 - `pathlib` is large

    named = ""
    for word, after in pairwise((*words, "")):
        if word == "--config":
            named = after
        elif word.startswith("--config="):
            named = word.removeprefix("--config=")
    try:
        found = find(named)
        if found is None or not found.is_file():
            return False
        lines = found.read_text(encoding="utf-8", errors="replace").splitlines()
    except (OSError, RuntimeError):  # whoever reads it has a sentence for it
        return False
    return any(line.split("#")[0].split() == ["confine:", "true"] for line in lines)


def main() -> None:
    """The command of this process, to its end."""
    waiting = None
    try:
        if sys.platform == "linux" and confines(sys.argv[1:]):
            from llmcap.confine.forked import Waiting  # noqa: PLC0415

            waiting = Waiting()
        from llmcap.cli import main as command  # noqa: PLC0415 - after the fork
    except KeyboardInterrupt:  # later it is the command's own
        sys.stderr.write("llmcap: interrupted\n")
        sys.exit(130)  # as of a shell: 128 and the number of the signal
    command(prog_name="llmcap", obj=waiting)


if __name__ == "__main__":
    main()
