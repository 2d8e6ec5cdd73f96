"""
`llmcap`, and `python -m llmcap` from a bare checkout.

What is to be confined is forked first: a fork copies the tables of what a process has in memory,
and afterwards each page that either of the two writes to. Here there is hardly anything yet.
"""

import sys
from collections.abc import Sequence


def confines(words: Sequence[str]) -> bool:
    """
    Whether a command line may want a child. It is not read here: one that is wrong is in vain.

    >>> confines(["run", "--cap", "5", "--confine", "--", "claude"])
    True
    >>> confines(["run", "--", "ls", "--confine"])
    False
    """
    ours = words[: words.index("--")] if "--" in words else words
    return ours[:1] == ["run"] and "--confine" in ours


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
