"""What commands print for programs, in which order and when."""

from collections.abc import Iterator

import pytest

from llmcap.cli.output import echo_json_lines


def test_what_came_before_an_error_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever is held back to be printed in one go, and one line each."""

    def found() -> Iterator[str]:
        for number in range(451):
            yield f'{{"id": {number}}}'
        raise ValueError("the next line is no exchange")

    with pytest.raises(ValueError, match="no exchange"):
        echo_json_lines(found())
    told = capsys.readouterr().out.splitlines()
    assert told == [f'{{"id": {number}}}' for number in range(451)]


def test_nothing_is_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Not an empty one, which no reader of JSON takes."""
    echo_json_lines(iter(()))
    assert capsys.readouterr().out == ""
