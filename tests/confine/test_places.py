"""The files that stand in the place of the system's."""

from pathlib import Path

import pytest

from llmcap.confine import places
from llmcap.words.errors import ConfigError


def test_hosts_are_asked_of_nobody_but_us() -> None:
    """systemd's resolver, Avahi and a company's directory answer over sockets that are files."""
    text = (
        "passwd: files sss\n hosts:  files mdns4_minimal [NOTFOUND=return] resolve dns myhostname\n"
    )
    assert places.switch_text(text) == "passwd: files sss\nhosts: files dns\n"


def test_of_the_hosts_file_only_this_machine_is_left() -> None:
    """Any other entry would be dialled by number, and fail."""
    names = [name for line in places.hosts_text("box").splitlines() for name in line.split()[1:]]
    assert names == ["localhost", "box", "localhost", "ip6-localhost", "ip6-loopback"]


def test_the_files_are_made_once(tmp_path: Path) -> None:
    """A second run finds them: nothing piles up."""
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("roots")
    first = places.mounts(bundle, folder=tmp_path / "confine")
    made = sorted(path.name for path in (tmp_path / "confine").iterdir())
    assert places.mounts(bundle, folder=tmp_path / "confine") == first
    assert sorted(path.name for path in (tmp_path / "confine").iterdir()) == made
    assert all(source.exists() and target.exists() for source, target in first)
    assert any(source == bundle for source, _ in first)
    assert not any(target.is_symlink() for _, target in first)


def test_a_lookup_waits_for_a_proxy_that_is_slow_to_start() -> None:
    """On a machine with no time its start takes many seconds; a connection would wait as well."""
    options = dict(word.split(":") for word in places.RESOLVER.split() if ":" in word)
    # glibc takes no more than these (resolv.conf(5)).
    timeout, attempts = min(30, int(options["timeout"])), min(5, int(options["attempts"]))
    assert timeout * attempts >= 50


def test_a_container_has_a_resolver_also_where_this_machine_has_none(tmp_path: Path) -> None:
    """It is made; and where it cannot be, that is said."""
    assert "127.0.0.1" in places.resolver_file(tmp_path / "made").read_text()
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be written"):
        places.resolver_file(tmp_path / "file")
