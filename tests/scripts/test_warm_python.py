"""Programs that run in copies of one Python are programs like any other."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from warm_python import WarmPython

SECONDS = 120  # ends what hangs

TELL = """
import json, os, sys
print(json.dumps([sys.argv[1:], dict(os.environ), sys.path[0], "decimal" in sys.modules]))
print(sys.stdin.read(), file=sys.stderr)
sys.exit(int(sys.argv[1]))
"""
WAIT = "import signal; print('ready', flush=True); signal.pause()"
FAIL = "raise RuntimeError('no good')"


@pytest.fixture(scope="module")
def warm() -> Iterator[WarmPython]:
    """One that has imported a module which no program of these does."""
    with WarmPython(Path(sys.executable), ["decimal"]) as found:
        yield found


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Where the program is written."""
    return tmp_path / "program.py"


def run(warm: WarmPython, program: Path, *words: str, **environ: str) -> tuple[int, str, str]:
    """How it ended, and what it printed."""
    done = warm.run([str(program), *words], environ, SECONDS)
    return done.returncode, done.stdout, done.stderr


def test_a_program_finds_no_package_on_our_path(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it would not if it were started by itself."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "ours"))
    program.write_text("import sys; print(sys.path)")
    with WarmPython(Path(sys.executable), []) as warm:
        code, said, _ = run(warm, program)
    assert code == 0
    assert "ours" not in said


def test_a_program_has_its_own_words_environment_and_end(warm: WarmPython, program: Path) -> None:
    """And no input; what was imported is there."""
    program.write_text(TELL)
    code, said, errors = run(warm, program, "3", "b", ONLY="this")
    assert json.loads(said) == [["3", "b"], {"ONLY": "this"}, str(program.parent), True]
    assert (code, errors) == (3, "\n")


def test_programs_run_at_once_and_do_not_meet(warm: WarmPython, program: Path) -> None:
    """Each ends as itself."""
    program.write_text(TELL)
    with ThreadPoolExecutor(4) as pool:
        codes = pool.map(lambda number: run(warm, program, str(number))[0], range(12))
    assert list(codes) == list(range(12))


def test_a_failure_has_its_trace(warm: WarmPython, program: Path) -> None:
    """On stderr, with the code that Python gives for it."""
    program.write_text(FAIL)
    code, said, errors = run(warm, program)
    assert (code, said) == (1, "")
    assert errors.endswith("RuntimeError: no good\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_program_is_waited_for_and_ended(
    warm: WarmPython, program: Path, tmp_path: Path, number: int
) -> None:
    """By a signal, which is told; another one is no error then."""
    program.write_text(WAIT)
    said = tmp_path / "said"
    with said.open("w") as file, warm.start([str(program)], {}, stdout=file, stderr=file) as copy:
        with pytest.raises(subprocess.TimeoutExpired):
            copy.wait(0.01)
        while "ready" not in said.read_text():
            assert copy.poll() is None
            time.sleep(0.01)
        copy.send_signal(number)
        assert copy.wait(SECONDS) == copy.poll() == -number
        copy.kill()
