"""Promise: nothing that a confined command has started outlives a kill."""

import os
import select
import signal
import subprocess
import time
from pathlib import Path

import pytest

from llmcap.confine.forked import Forked
from llmcap.confine.keeper import KEEPERS, Keeper, end_all, is_within, opened

from .conftest import Ground

# Two that ask nobody for anything, one of them in a session of its own; the word is that they run.
LEAVES = "sleep 3600 & setsid sleep 3600 & echo $! >left; {end}"

# One more in a sandbox of the command's own: namespaces below ours, with a network below ours.
DEEP = "unshare -U -n sh -c 'echo $$ >left; exec sleep 3600' & until [ -s left ]; do :; done; "


NEW_SPACE = ("unshare", "-U", "readlink", "/proc/self/ns/user")


def ended(ground: Ground, end: str) -> tuple[int, int]:
    """How a command that leaves those behind ends, and the number of one of them."""
    code = ground.code("sh", "-c", LEAVES.format(end=end))
    return code, int(Path("left").read_text(encoding="ascii"))


def lives(pid: int) -> bool:
    """Whether it is there, and more than an entry that nobody has asked for yet."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the commands run."""
    monkeypatch.chdir(tmp_path)


def test_what_a_command_leaves_behind_stays_where_it_ended_by_itself(ground: Ground) -> None:
    """As it would without us."""
    code, left = ended(ground, "exit 7")
    assert code == 7
    assert lives(left)
    space = opened(f"/proc/{left}")
    assert end_all(space) == 2
    os.close(space)


def test_what_a_killed_command_leaves_behind_is_ended(ground: Ground) -> None:
    """Before its end is told."""
    code, left = ended(ground, "kill -9 $$")
    assert code == -signal.SIGKILL
    assert not lives(left)


def test_what_it_has_put_in_a_sandbox_of_its_own_is_ended_too(ground: Ground) -> None:
    """It has a network of its own there, of which nobody was told."""
    assert ground.code("sh", "-c", DEEP + "kill -9 $$") == -signal.SIGKILL
    assert not lives(int(Path("left").read_text(encoding="ascii")))


def test_a_process_outside_is_in_no_namespace_below(ground: Ground) -> None:
    """Whatever is above our own is nobody's business."""
    process = ground.start("sleep", "3600")
    ours, below = opened("/proc/self"), opened(f"/proc/{process.pid}")
    assert is_within("/proc/self", ours)
    assert is_within(f"/proc/{process.pid}", below)
    assert not is_within("/proc/self", below)
    process.kill()
    process.wait(20)
    os.close(ours)
    os.close(below)


def test_no_other_namespace_gets_the_number_of_one_that_is_watched(ground: Ground) -> None:
    """The kernel gives away the lowest: its processes would be ended in the place of these."""
    process, _ = started(ground)
    number = str(Path(f"/proc/{process.pid}/ns/user").readlink())
    os.kill(process.pid, signal.SIGKILL)
    os.waitpid(process.pid, 0)
    ground.inwards.pop().close()  # a network keeps it, too
    made = {subprocess.check_output(NEW_SPACE, text=True).strip() for _ in range(100)}
    process.returncode = -signal.SIGKILL  # as whoever waits for it tells: it is over
    assert number not in made


def test_a_keeper_that_was_killed_has_a_successor(ground: Ground) -> None:
    """It ends with the command as well as the first ones."""
    process, keepers = started(ground)
    before = children()
    killed(keepers[0])
    process.tend()
    process.tend()  # of those that live nothing comes
    (successor,) = children() - before
    process.kill()
    assert process.wait(300) == -signal.SIGKILL
    assert not lives(successor)


@pytest.mark.parametrize("which", range(KEEPERS))
def test_until_it_has_one_the_other_keeper_ends_all(ground: Ground, which: int) -> None:
    """Who started it is killed right after the one: nobody tends, and nobody clears."""
    launcher = os.fork()
    if launcher == 0:
        _, keepers = started(ground, "sh", "-c", LEAVES.format(end="exec sleep 3600"))
        Path("keepers").write_text(" ".join(map(str, keepers)), encoding="ascii")
        signal.pause()
    keepers = [int(word) for word in written("keepers").split()]
    left = int(written("left"))
    ending = [os.pidfd_open(each) for each in (*keepers, left)]
    os.kill(keepers[which], signal.SIGKILL)
    os.kill(launcher, signal.SIGKILL)
    os.waitpid(launcher, 0)
    for each in ending:
        assert select.select([each], [], [], 20)[0]
        os.close(each)


def test_what_is_left_is_ended_also_where_both_were_killed_just_before(ground: Ground) -> None:
    """Whoever sees the end of the command does it then."""
    process, keepers = started(ground, "sh", "-c", LEAVES.format(end="exec sleep 3600"))
    left = int(written("left"))
    for each in keepers:
        killed(each)
    process.kill()
    process.wait(300)
    assert not lives(left)


def test_its_keeper_has_no_file_of_ours_open(ground: Ground) -> None:
    """Whoever reads what we print is told of our end, though it outlives us."""
    process, keepers = started(ground)
    opened = [sorted(file.name for file in Path(f"/proc/{each}/fd").iterdir()) for each in keepers]
    process.kill()
    process.wait(300)
    assert opened == [["0", "1", "2", "3"]] * KEEPERS


def test_a_child_in_our_own_network_has_no_keeper() -> None:
    """It would end everybody on this machine."""
    keeper = Keeper()
    with subprocess.Popen(["sleep", "3600"]) as child:
        with pytest.raises(OSError, match="its namespaces are ours"):
            keeper.watch(child.pid)
        keeper.clear()
        assert child.poll() is None  # it was told of no network, and ended nobody
        child.kill()


def test_a_child_that_has_ended_has_no_keeper() -> None:
    """That it was killed is seen next."""
    keeper = Keeper()
    with subprocess.Popen(["true"]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        with pytest.raises(FileNotFoundError):
            keeper.watch(child.pid)
    keeper.clear()


def test_a_keeper_that_was_killed_changes_nothing_of_the_end(ground: Ground) -> None:
    """It is only there for ours."""
    process, keepers = started(ground)
    os.kill(keepers[0], signal.SIGKILL)
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(300) == -signal.SIGTERM


def started(ground: Ground, *command: str) -> tuple[Forked, list[int]]:
    """A command that waits, and its keepers, which wait too."""
    before = children()
    process = ground.start(*(command or ("sleep", "3600")))
    keepers = sorted(children() - before - {process.pid})
    assert len(keepers) == KEEPERS
    while {named(each) for each in keepers} != {"llmcap-keeper"}:
        time.sleep(0.01)  # they are on their way there
    return process, keepers


def written(name: str) -> str:
    """What somebody writes there."""
    while not Path(name).is_file() or not Path(name).stat().st_size:
        time.sleep(0.01)
    return Path(name).read_text(encoding="ascii")


def killed(pid: int) -> None:
    """It has ended, and nobody has asked for that yet."""
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def children() -> set[int]:
    """Of this process."""
    listed = Path(f"/proc/self/task/{os.getpid()}/children")
    return {int(pid) for pid in listed.read_text(encoding="ascii").split()}


def named(pid: int) -> str:
    """What a process calls itself."""
    return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
