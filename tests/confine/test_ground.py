"""What is said where this kernel confines nobody."""

import errno
from pathlib import Path

import pytest

from llmcap.confine import ground


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        pytest.param("APPARMOR", "1", "AppArmor denies", id="ubuntu"),
        pytest.param("DEBIAN", "0", "kernel.unprivileged_userns_clone=1", id="old-debian"),
        pytest.param("COUNT_MAX", "0", "user.max_user_namespaces=", id="none-allowed"),
    ],
)
def test_the_cause_is_named_with_what_mends_it(
    name: str, value: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is a file of the kernel."""
    for other in ("APPARMOR", "DEBIAN", "COUNT_MAX"):
        monkeypatch.setattr(ground, other, tmp_path / other)
    monkeypatch.setattr(ground, "CONTAINER_MARKS", ())
    (tmp_path / name).write_text(f"{value}\n")
    text = ground.why_not("namespaces", errno.EPERM, "Operation not permitted")
    assert said in text
    assert "EPERM" in text
    assert "was not started" in text


def test_without_a_visible_cause_the_doctor_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A filter of system calls cannot be seen from within."""
    for name in ("APPARMOR", "DEBIAN", "COUNT_MAX"):
        monkeypatch.setattr(ground, name, tmp_path / name)
    monkeypatch.setattr(ground, "CONTAINER_MARKS", ())
    assert "llmcap doctor" in ground.why_not("mounts", errno.EACCES, "Permission denied")
