"""The roots that a command behind the proxy trusts."""

import os
import shutil
import ssl
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from llmcap.authority import ca, trust


def made(domain: str) -> str:
    """A certificate of its own, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = ca.sign_authority(key, [domain], now=datetime.now(UTC))
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


OURS, COMPANY, NODES = made("ours.example"), made("company.example"), made("node.example")


def test_the_bundle_holds_the_system_the_user_and_us(tmp_path: Path) -> None:
    """A company's root that the user had set stays trusted, and so do the system's."""
    company = tmp_path / "company.pem"
    company.write_text(f"# comment\n{COMPANY}")
    made = trust.prepare(
        OURS, environ={"REQUESTS_CA_BUNDLE": str(company)}, folder=tmp_path / "trust"
    )
    assert len(ssl.create_default_context(cafile=str(made.bundle)).get_ca_certs()) > 10
    text = made.bundle.read_text()
    assert OURS in text
    assert COMPANY in text


def test_what_adds_to_the_roots_keeps_what_the_user_added(tmp_path: Path) -> None:
    """Node reads one file of extra roots: the user's are copied into ours."""
    extra = tmp_path / "extra.pem"
    extra.write_text(NODES)
    made = trust.prepare(
        OURS, environ={"NODE_EXTRA_CA_CERTS": str(extra)}, folder=tmp_path / "trust"
    )
    assert made.extra.read_text() == OURS + NODES


def test_each_certificate_stands_once() -> None:
    """Joined texts may overlap, and differ in line ends."""
    assert trust.join([OURS + NODES, OURS.replace("\n", "\r\n"), "no certificate"]) == OURS + NODES


def test_a_private_key_beside_a_certificate_is_not_copied() -> None:
    """A user's file may hold both; the bundle is readable by every program."""
    key = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"
    assert trust.join([key + OURS]) == OURS


def test_a_variable_that_names_no_file_adds_nothing(tmp_path: Path) -> None:
    """As in the programs that read it."""
    made = trust.prepare(OURS, environ={"DENO_CERT": "/nowhere/x.pem"}, folder=tmp_path)
    assert made.extra.read_text() == OURS


def test_the_same_roots_share_their_files_and_other_roots_do_not(tmp_path: Path) -> None:
    """A renewed certificate leaves the files of programs that already run as they are."""
    first = trust.prepare(OURS, environ={}, folder=tmp_path)
    assert trust.prepare(OURS, environ={}, folder=tmp_path) == first
    second = trust.prepare(NODES, environ={}, folder=tmp_path)
    assert second.bundle != first.bundle
    assert first.extra.read_text() == OURS


def test_files_that_no_run_has_used_for_a_month_go(tmp_path: Path) -> None:
    """The folder does not grow with every change of the system's roots."""
    old = trust.prepare(OURS, environ={}, folder=tmp_path).bundle.parent
    month = time.time() - trust.UNUSED_SECONDS_MAX - 60
    os.utime(old, (month, month))
    new = trust.prepare(NODES, environ={}, folder=tmp_path).bundle.parent
    assert [place.name for place in tmp_path.iterdir()] == [new.name]


def test_the_way_to_the_providers_does_not_trust_our_own_authority(tmp_path: Path) -> None:
    """What the proxy itself verifies with: the roots of the system and the user only."""
    path = trust.roots_file({}, folder=tmp_path)
    assert trust.roots_file({}, folder=tmp_path) == path
    assert OURS not in path.read_text()


@pytest.mark.skipif(shutil.which("keytool") is None, reason="no Java on this machine")
def test_java_reads_the_store(tmp_path: Path) -> None:
    """`keytool` lists our certificate as trusted."""
    made = trust.prepare(OURS, environ={}, folder=tmp_path)
    listed = subprocess.run(
        ["keytool", "-list", "-keystore", str(made.java), "-storepass", "changeit"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "root0, " in listed.stdout
    assert "trustedCertEntry" in listed.stdout
