r"""
Text of others on its way to a terminal or a log: shown as what it is, never obeyed.

A model, a client, a project may be named by anybody who sends a request. A name with an escape
sequence would move the cursor of whoever reads it, one with a line break would write log lines of
its own, one with a bidirectional override would read backwards. What is no printable character is
written as Python writes it in a string: `\x1b`, `\n`, `\u202e`.
"""

import logging
import sys
import traceback

MORE = "    "  # before each further line of the same message


def one_line(text: str) -> str:
    """The text without a character that a terminal would not simply show."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escaped(each) for each in text)


def lines(text: str, *, indent: str = "") -> str:
    """The same for a text of ours that has line breaks: each line by itself."""
    return f"\n{indent}".join(one_line(line) for line in text.split("\n"))


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


class Log:
    """
    A logger by whose messages nobody can forge a line: what follows a line break is indented.

    It takes the arguments of a standard logger.
    """

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def debug(self, message: str, *arguments: object) -> None:
        """For us."""
        self._log(logging.DEBUG, message, arguments)

    def info(self, message: str, *arguments: object) -> None:
        """What a user may want to know."""
        self._log(logging.INFO, message, arguments)

    def warning(self, message: str, *arguments: object) -> None:
        """What a user should know."""
        self._log(logging.WARNING, message, arguments)

    def error(
        self, message: str, *arguments: object, exc_info: BaseException | None = None
    ) -> None:
        """What a user must know, with the traceback of a mistake of ours."""
        self._log(logging.ERROR, message, arguments, exc_info)

    def exception(self, message: str, *arguments: object) -> None:
        """The same, for the error that is being handled."""
        self._log(logging.ERROR, message, arguments, sys.exception())

    def _log(
        self,
        level: int,
        message: str,
        arguments: tuple[object, ...],
        error: BaseException | None = None,
    ) -> None:
        if not self._logger.isEnabledFor(level):
            return
        text = message % arguments if arguments else message
        if error is not None:
            text += "\n" + "".join(traceback.format_exception(error)).rstrip()
        self._logger.log(level, "%s", lines(text, indent=MORE))


def json_text(document: str) -> str:
    """
    JSON in whose strings nothing is left that a terminal obeys; it means the same.

    `json.dumps` escapes what is below a space, and leaves the second set of controls, which begins
    with an escape of its own (U+009B), and the overrides of direction.
    """
    if document.isprintable():
        return document
    return "".join(
        each if each.isprintable() or each == "\n" else _json_escaped(each) for each in document
    )


def _json_escaped(character: str) -> str:
    encoded = character.encode("utf-16-be", "surrogatepass")
    units = [encoded[start : start + 2] for start in range(0, len(encoded), 2)]
    return "".join(f"\\u{unit.hex()}" for unit in units)
