"""Installing the authority: every step is shown before it is run, and undone by its counterpart."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from llmcap.authority import ca, stores
from llmcap.authority.stores import Kind, Machine
from llmcap.words.errors import ConfigError


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of an authority of ours."""
    return ca.ensure(tmp_path / "ca", ["api.openai.com"]).folder / ca.CERTIFICATE_FILE


def debian(tmp_path: Path, *, is_admin: bool = True) -> Machine:
    """A system whose roots lie in a folder of the test, with a refresh command that takes notes."""
    root = tmp_path / "root"
    (root / "usr/local/share/ca-certificates").mkdir(parents=True)
    refresh = tmp_path / "bin" / "update-ca-certificates"
    refresh.parent.mkdir()
    refresh.write_text(f"#!/bin/sh\nls {root}/usr/local/share/ca-certificates >> {root}/log\n")
    refresh.chmod(0o755)
    return Machine(root=root, home=tmp_path, platform="linux", is_admin=is_admin,
                   find=lambda name: shutil.which(name, path=str(refresh.parent)))  # fmt: skip


def test_the_systems_store_is_changed_and_changed_back(tmp_path: Path, certificate: Path) -> None:
    """The certificate lies in the administrator's folder, and the store is refreshed each time."""
    machine = debian(tmp_path)
    environ = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    placed = machine.root / "usr/local/share/ca-certificates/llmcap.crt"
    stores.carry_out(stores.install(Kind.SYSTEM, certificate, machine), environ)
    assert placed.read_bytes() == certificate.read_bytes()
    stores.carry_out(stores.uninstall(Kind.SYSTEM, machine), environ)
    assert not placed.exists()
    assert (machine.root / "log").read_text() == "llmcap.crt\n"


def test_who_is_no_administrator_goes_by_sudo(tmp_path: Path, certificate: Path) -> None:
    """Each step that needs it, and it shows."""
    steps = stores.install(Kind.SYSTEM, certificate, debian(tmp_path, is_admin=False))
    assert [step.argv[0] for step in steps] == ["sudo", "sudo"]


def test_a_step_that_fails_ends_the_installation(tmp_path: Path, certificate: Path) -> None:
    """Later steps are not run on top of it."""
    machine = debian(tmp_path)
    (tmp_path / "bin" / "update-ca-certificates").write_text("#!/bin/sh\nexit 3\n")
    steps = stores.install(Kind.SYSTEM, certificate, machine)
    environ = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    with pytest.raises(ConfigError, match=r"refresh the system's trust store: .* failed with 3"):
        stores.carry_out(steps, environ)


def test_an_unknown_system_is_told_so(tmp_path: Path, certificate: Path) -> None:
    """With the way out that always works."""
    machine = Machine(root=tmp_path, home=tmp_path, platform="linux", is_admin=True)
    with pytest.raises(ConfigError, match="hint: `llmcap ca export`"):
        stores.install(Kind.SYSTEM, certificate, machine)


def test_every_profile_of_every_browser_is_found(tmp_path: Path, certificate: Path) -> None:
    """Chrome's database, and one per Firefox profile."""
    for place in (".pki/nssdb", ".mozilla/firefox/a.default", ".mozilla/firefox/b.work"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "cert9.db").touch()
    (tmp_path / ".mozilla/firefox/Crash Reports").mkdir()
    machine = Machine(home=tmp_path, find=lambda name: name)
    steps = stores.install(Kind.NSS, certificate, machine)
    assert [step.argv[3].removeprefix(f"sql:{tmp_path}/") for step in steps] == [
        ".mozilla/firefox/a.default", ".mozilla/firefox/b.work", ".pki/nssdb",
    ]  # fmt: skip


def test_no_browser_and_no_tool_are_told(tmp_path: Path, certificate: Path) -> None:
    """What is missing, and its package."""
    with pytest.raises(ConfigError, match="neither Firefox nor Chrome"):
        stores.install(Kind.NSS, certificate, Machine(home=tmp_path))
    (tmp_path / ".pki/nssdb").mkdir(parents=True)
    (tmp_path / ".pki/nssdb/cert9.db").touch()
    with pytest.raises(ConfigError, match="libnss3-tools"):
        stores.install(Kind.NSS, certificate, Machine(home=tmp_path, find=lambda _: None))


@pytest.mark.skipif(shutil.which("certutil") is None, reason="no certutil on this machine")
def test_nss_trusts_it_and_forgets_it(tmp_path: Path, certificate: Path) -> None:
    """With the real tool, on a database of the test."""
    folder = tmp_path / ".pki/nssdb"
    folder.mkdir(parents=True)
    subprocess.run(["certutil", "-N", "-d", f"sql:{folder}", "--empty-password"], check=True)
    machine = Machine(home=tmp_path)

    def listed() -> str:
        return subprocess.check_output(["certutil", "-L", "-d", f"sql:{folder}"], text=True)

    stores.carry_out(stores.install(Kind.NSS, certificate, machine), os.environ)
    assert f"{stores.NICKNAME}" in listed()
    stores.carry_out(stores.uninstall(Kind.NSS, machine), os.environ)
    assert stores.NICKNAME not in listed()


@pytest.mark.skipif(shutil.which("keytool") is None, reason="no Java on this machine")
def test_javas_own_tool_takes_the_commands(tmp_path: Path, certificate: Path) -> None:
    """The same arguments, on a store of the test in the place of the installed one."""
    store = str(tmp_path / "cacerts")
    machine = Machine(is_admin=True)
    for steps in (
        stores.install(Kind.JAVA, certificate, machine), stores.uninstall(Kind.JAVA, machine)
    ):  # fmt: skip
        for step in steps:
            at = step.argv.index("-cacerts")
            argv = [*step.argv[:at], "-keystore", store, *step.argv[at + 1 :]]
            subprocess.run(argv, check=True, capture_output=True)


def test_macos_and_windows_use_their_own_tools(certificate: Path) -> None:
    """The user's own roots, so that no administrator is asked."""
    for platform, tool in (("darwin", "security"), ("win32", "certutil")):
        machine = Machine(platform=platform)
        (step,) = stores.install(Kind.SYSTEM, certificate, machine)
        assert step.argv[0] == tool
        assert str(certificate) in step.argv
        (back,) = stores.uninstall(Kind.SYSTEM, machine)
        assert back.argv[0] == tool
        assert stores.NICKNAME in back.argv
