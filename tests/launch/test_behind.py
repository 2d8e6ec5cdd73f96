"""The files of a proxy, made ready."""

import ssl
from pathlib import Path

from llmcap.authority import ca
from llmcap.launch import behind


def test_everything_is_made_in_the_users_data_folder(tmp_path: Path) -> None:
    """An authority for every host of the provider table, and roots that have it."""
    place = behind.prepare({"XDG_DATA_HOME": str(tmp_path)})
    authority = ca.load(place.confdir)
    assert authority is not None
    assert authority.domains == ca.domains_of(behind.provider_hosts())
    assert "api.openai.com" in authority.domains
    assert place.trust.extra.read_text() == authority.pem
    assert authority.pem not in place.roots.read_text()
    assert len(ssl.create_default_context(cafile=str(place.roots)).get_ca_certs()) > 10


def test_the_second_time_nothing_is_made(tmp_path: Path) -> None:
    """The same files serve."""
    environ = {"XDG_DATA_HOME": str(tmp_path)}
    first = behind.prepare(environ)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.p*")}
    assert behind.prepare(environ) == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.p*")} == files
