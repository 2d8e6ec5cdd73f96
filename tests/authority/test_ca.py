"""The authority may speak for the providers and for nobody else: real clients say so."""

import contextlib
import shutil
import socket
import ssl
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy.certs import CertStore

from llmcap.authority import ca
from llmcap.words.errors import ConfigError

HOSTS = ("api.openai.com", "api.anthropic.com", "*.openai.azure.com")
NOW = datetime(2026, 5, 1, tzinfo=UTC)


# --- what it is ----------------------------------------------------------------------------------


def test_the_key_is_for_its_owner_only(tmp_path: Path) -> None:
    """The file with the key is never readable by others; its folder neither."""
    ca.ensure(tmp_path / "ca", HOSTS)
    assert stat.S_IMODE((tmp_path / "ca" / ca.KEY_FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "ca").stat().st_mode) == 0o700
    assert "PRIVATE" not in (tmp_path / "ca" / ca.CERTIFICATE_FILE).read_text()


def test_it_is_kept_while_nothing_changes(tmp_path: Path) -> None:
    """The same hosts, in any order, get the same authority."""
    first = ca.ensure(tmp_path, HOSTS, now=NOW)
    again = ca.ensure(tmp_path, reversed(HOSTS), now=NOW + timedelta(days=600))
    assert again.fingerprint == first.fingerprint
    assert again.domains == ("api.anthropic.com", "api.openai.com", "openai.azure.com")


def test_other_domains_renew_the_certificate_and_keep_the_key(tmp_path: Path) -> None:
    """What a running proxy has signed stays valid under the renewed authority."""
    first = ca.ensure(tmp_path, HOSTS, now=NOW)
    second = ca.ensure(tmp_path, [*HOSTS, "api.mistral.ai"], now=NOW)
    assert second.fingerprint != first.fingerprint
    assert "api.mistral.ai" in second.domains
    assert second.certificate.public_key() == first.certificate.public_key()


def test_nobody_takes_a_domain_from_a_proxy_that_runs(tmp_path: Path) -> None:
    """A command that knows fewer hosts finds the authority as it is."""
    first = ca.ensure(tmp_path, [*HOSTS, "llm.corp.example"], now=NOW)
    assert ca.ensure(tmp_path, HOSTS, now=NOW).fingerprint == first.fingerprint


def test_an_authority_near_its_end_is_made_anew(tmp_path: Path) -> None:
    """With a new key and for these hosts alone, a month before the old one stops to work."""
    first = ca.ensure(tmp_path, [*HOSTS, "llm.corp.example"], now=NOW)
    second = ca.ensure(tmp_path, HOSTS, now=first.ends - timedelta(days=29))
    assert second.certificate.public_key() != first.certificate.public_key()
    assert second.ends > first.ends
    assert second.domains == ca.domains_of(HOSTS)


def test_runs_that_start_at_once_make_one_authority(tmp_path: Path) -> None:
    """Whoever comes second takes what the first one made."""
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: ca.ensure(tmp_path, HOSTS).fingerprint, range(16)))
    assert len(set(made)) == 1


def test_no_authority_is_none(tmp_path: Path) -> None:
    """A folder without one is no error."""
    assert ca.load(tmp_path) is None


def test_a_broken_file_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    """It is not replaced in silence: something may have been installed from it."""
    (tmp_path / ca.KEY_FILE).write_text("nonsense")
    with pytest.raises(ConfigError, match=r"mitmproxy-ca\.pem.*\n?hint: remove the file"):
        ca.ensure(tmp_path, HOSTS)


def test_domains_are_the_smallest_set() -> None:
    """A pattern covers the hosts below it, and itself; a name that merely ends alike is another."""
    hosts = ["*.a.example", "x.a.example", "a.example", "BA.example", "*-x.c.example"]
    assert ca.domains_of(hosts) == ("a.example", "ba.example", "c.example")


NAMES = st.lists(st.sampled_from(["a", "b", "ab"]), min_size=1, max_size=4).map(".".join)


@given(st.sets(NAMES, max_size=12))
def test_a_domain_is_left_out_where_another_covers_it_and_only_there(names: set[str]) -> None:
    """As comparing each with each says, which took longer than all else at a start."""
    kept = {name for name in names if not any(name.endswith(f".{other}") for other in names)}
    assert ca.domains_of(names) == tuple(sorted(kept))


def test_mitmproxy_signs_with_it(tmp_path: Path) -> None:
    """mitmproxy loads the folder as its confdir and signs for a provider."""
    authority = ca.ensure(tmp_path, HOSTS)
    store = CertStore.from_store(tmp_path, "mitmproxy", 2048)
    assert store.default_ca.to_cryptography() == authority.certificate
    names = [x509.DNSName("api.openai.com")]
    store.get_cert("api.openai.com", names).cert.to_cryptography().verify_directly_issued_by(
        authority.certificate
    )


# --- what clients make of it ---------------------------------------------------------------------


class Thief:
    """Whoever has stolen the key: a TLS server with a certificate of ours for any name."""

    def __init__(self, folder: Path) -> None:
        self.authority = ca.ensure(folder, HOSTS)
        raw = (folder / ca.KEY_FILE).read_bytes()
        key = serialization.load_pem_private_key(raw, password=None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self.key = key
        self.folder = folder

    def sign(self, name: x509.GeneralName, file: str) -> Path:
        """A server certificate for the name, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stolen")]))
            .issuer_name(self.authority.certificate.subject)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=90))
            .public_key(key.public_key())
            .add_extension(x509.SubjectAlternativeName([name]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False
            )
            .sign(self.key, hashes.SHA256())
        )
        path = self.folder / file
        secret = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
        return path


@contextlib.contextmanager
def https_server(certificate: Path) -> Iterator[int]:
    """A server on loopback that answers `ok` to whoever accepts its certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            plain.settimeout(5)
            with contextlib.suppress(OSError), context.wrap_socket(plain, server_side=True) as peer:
                peer.recv(4096)
                peer.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def by_curl(host: str, port: int, roots: Path) -> str:
    """What curl gets, or its error."""
    done = subprocess.run(
        ["curl", "-sS", "--max-time", "10", "--noproxy", "*", "--cacert", str(roots),
         "--connect-to", f"{host}:443:127.0.0.1:{port}", f"https://{host}/"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout or done.stderr


def by_python(host: str, port: int, roots: Path) -> str:
    """What Python's ssl module gets, or its error."""
    context = ssl.create_default_context(cafile=str(roots))
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=300) as plain,
            context.wrap_socket(plain, server_hostname=host) as peer,
        ):
            peer.sendall(b"GET / HTTP/1.1\r\n\r\n")
            return peer.recv(4096).decode().rpartition("\r\n")[2]
    except ssl.SSLError as error:
        return str(error)


def by_node(host: str, port: int, roots: Path) -> str:
    """What Node's https module gets, or its error."""
    script = """
    const [host, port, roots] = process.argv.slice(1);
    require('https').get({host: '127.0.0.1', port, servername: host, headers: {host},
      ca: require('fs').readFileSync(roots),
      checkServerIdentity: (_, cert) => require('tls').checkServerIdentity(host, cert)},
      r => r.on('data', d => console.log(d.toString()))).on('error', e => console.log(e.message));
    """
    done = subprocess.run(
        ["node", "-e", script, host, str(port), str(roots)],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    return (done.stdout or done.stderr).strip()


Client = Callable[[str, int, Path], str]
CLIENTS = [
    pytest.param(by_python, id="python"),
    pytest.param(by_curl, id="curl", marks=pytest.mark.skipif(
        shutil.which("curl") is None, reason="no curl on this machine")),
    pytest.param(by_node, id="node", marks=pytest.mark.skipif(
        shutil.which("node") is None, reason="no Node on this machine")),
]  # fmt: skip


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("host", ["api.openai.com", "mine.openai.azure.com"])
def test_a_provider_of_ours_is_accepted(tmp_path: Path, client: Client, host: str) -> None:
    """A host of the table, or one below a pattern of it."""
    thief = Thief(tmp_path)
    with https_server(thief.sign(x509.DNSName(host), "leaf.pem")) as port:
        assert client(host, port, tmp_path / ca.CERTIFICATE_FILE) == "ok"


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(x509.DNSName("example.com"), id="another-host"),
        pytest.param(x509.DNSName("openai.com"), id="parent-of-a-provider"),
        pytest.param(x509.DNSName("notapi.openai.com"), id="sibling-of-a-provider"),
        pytest.param(x509.IPAddress(ip_address("127.0.0.1")), id="address"),
    ],
)
def test_any_other_name_is_refused(tmp_path: Path, client: Client, name: x509.GeneralName) -> None:
    """Signed by the very key, and still no client takes it."""
    thief = Thief(tmp_path)
    with https_server(thief.sign(name, "leaf.pem")) as port:
        said = client(str(name.value), port, tmp_path / ca.CERTIFICATE_FILE)
    assert said != "ok"
    assert "permitted subtree" in said or "excluded subtree" in said
