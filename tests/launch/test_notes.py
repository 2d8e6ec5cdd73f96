"""What a proxy has to tell, kept until the terminal is free."""

import logging
from pathlib import Path

import pytest

from llmcap.launch.notes import SHOWN_MAX, Notes
from llmcap.words.errors import ConfigError


def test_the_same_thing_is_told_once() -> None:
    """With how often it happened."""
    notes = Notes()
    for _ in range(3):
        notes.event("unknown_model", "openai/x has no price: refused")
    assert notes.lines() == ["openai/x has no price: refused (3 times)"]


def test_many_things_are_cut_short() -> None:
    """A terminal is no log file."""
    notes = Notes()
    for number in range(SHOWN_MAX + 2):
        notes.add(f"thing {number}")
    assert len(notes.lines()) == SHOWN_MAX + 1
    assert notes.lines()[-1] == "2 more like these: --log FILE keeps them all"


def test_warnings_are_kept_and_the_terminal_is_left_alone(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Ours, and mitmproxy's about a client that does not trust the proxy; nothing is printed."""
    notes = Notes()
    with notes.from_logs(None):
        logging.getLogger("llmcap.addon").warning("LLMCap: ours")
        logging.getLogger("mitmproxy.proxy").warning("The client does not trust the certificate")
        logging.getLogger("mitmproxy.proxy").warning("something else")
        logging.getLogger("llmcap.addon").info("no news")
    assert notes.lines() == ["ours", "The client does not trust the certificate"]
    assert capfd.readouterr() == ("", "")


def test_a_log_file_gets_everything(tmp_path: Path) -> None:
    """Also what is no warning; and loggers are afterwards as they were."""
    logger = logging.getLogger("llmcap")
    before = (logger.level, logger.propagate, list(logger.handlers))
    with Notes().from_logs(tmp_path / "log"):
        logging.getLogger("mitmproxy.proxy").info("client connect")
    assert "INFO client connect" in (tmp_path / "log").read_text()
    assert (logger.level, logger.propagate, list(logger.handlers)) == before


def test_a_log_that_cannot_be_written_is_told_at_once() -> None:
    """Before anything is started."""
    with (
        pytest.raises(ConfigError, match="/nowhere/log: the log cannot be written"),
        Notes().from_logs(Path("/nowhere/log")),
    ):
        raise AssertionError("never here")
