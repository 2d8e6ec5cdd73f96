"""
LLMCap's own certificate authority: it can speak for the providers' hosts and for nothing else.

X.509 name constraints limit it, critically, to the provider domains, and exclude every IP address.
A client that trusts it refuses what it signs for any other name, so a stolen key cannot impersonate
a bank. Its folder is laid out as mitmproxy's `confdir`, which signs with what it finds there.

The key is kept when only the domains change: certificates that a running proxy hands out stay valid
under the renewed authority. Domains are added, and only go at the end of its life: a command that
knows another config must not take them from a proxy that runs.
"""

import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from llmcap.words.errors import ConfigError
from llmcap.words.paths import locked, make_folder

NAME = "LLMCap spend firewall"

# The names that mitmproxy looks for in its confdir.
KEY_FILE = "mitmproxy-ca.pem"
CERTIFICATE_FILE = "mitmproxy-ca-cert.pem"

LIFETIME = timedelta(days=730)
BACKDATED = timedelta(days=2)  # for clients whose clock is behind
RENEWED_BEFORE_END = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Authority:
    """The authority as it stands in its folder; the key is only in the file."""

    folder: Path
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        """The certificate, without the key."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, as trust stores show it."""
        return self.certificate.fingerprint(hashes.SHA256()).hex(":").upper()

    @property
    def domains(self) -> tuple[str, ...]:
        """The domains that it may speak for, each with its subdomains."""
        try:
            found = self.certificate.extensions.get_extension_for_class(x509.NameConstraints)
        except x509.ExtensionNotFound:
            return ()
        permitted = found.value.permitted_subtrees or []
        return tuple(name.value for name in permitted if isinstance(name, x509.DNSName))

    @property
    def ends(self) -> datetime:
        """When it stops being valid."""
        return self.certificate.not_valid_after_utc


def domains_of(hosts: Iterable[str]) -> tuple[str, ...]:
    """
    The smallest set of domains that covers hosts and patterns, sorted.

    A constraint cuts at dots only, so `*-x.example.com` takes in all of `example.com`.

    >>> domains_of(["api.openai.com", "*.openai.azure.com", "eu.openai.azure.com"])
    ('api.openai.com', 'openai.azure.com')
    """
    names = {
        host.lower().rstrip(".").rpartition("*")[2].partition(".")[2]
        if "*" in host
        else host.lower().rstrip(".")
        for host in hosts
    }
    return tuple(sorted(name for name in names if names.isdisjoint(_above(name))))


def _above(name: str) -> set[str]:
    """`b.c` and `c` of `a.b.c`."""
    labels = name.split(".")
    return {".".join(labels[cut:]) for cut in range(1, len(labels))}


def load(folder: Path) -> Authority | None:
    """The authority in the folder, or None if there is none; a broken one raises `ConfigError`."""
    return _read(folder)[0] if (folder / KEY_FILE).exists() else None


def ensure(folder: Path, hosts: Iterable[str], *, now: datetime | None = None) -> Authority:
    """
    An authority for these hosts: the one in the folder, made or renewed where it has to be.

    Raises `ConfigError` where the folder cannot be used.
    """
    domains = domains_of(hosts)
    if not domains:
        raise ConfigError("a certificate authority for no host at all is of no use: name some")
    moment = now or datetime.now(UTC)
    try:
        make_folder(folder)
        with locked(folder / ".lock"):  # two runs that start at once must not make two authorities
            key: ec.EllipticCurvePrivateKey | None = None
            if (folder / KEY_FILE).exists():
                authority, key = _read(folder)
                lives = moment + RENEWED_BEFORE_END < authority.ends
                if lives:
                    domains = domains_of([*authority.domains, *domains])
                if lives and authority.domains == domains:
                    return authority
                key = key if lives else None
            key = key or ec.generate_private_key(ec.SECP256R1())
            certificate = sign_authority(key, domains, now=moment)
            _write(folder, key, certificate)
    except OSError as error:
        raise ConfigError(
            f"{folder}: the certificate authority cannot be kept here: {error.strerror}\n"
            "hint: XDG_DATA_HOME names another place for LLMCap's folder"
        ) from error
    return Authority(folder, certificate)


def sign_authority(
    key: ec.EllipticCurvePrivateKey, domains: Iterable[str], *, now: datetime
) -> x509.Certificate:
    """
    A self-signed authority for the domains and their subdomains only.

    Constraints bind only the kinds of names that they mention (RFC 5280, 4.2.1.10), so addresses
    are excluded too: else it could speak for any server by its IP address.
    """
    name = x509.Name([
        x509.NameAttribute(NameOID.COMMON_NAME, NAME),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "LLMCap"),
    ])  # fmt: skip
    constraints = x509.NameConstraints(
        permitted_subtrees=[x509.DNSName(domain) for domain in domains],
        excluded_subtrees=[
            x509.IPAddress(IPv4Network("0.0.0.0/0")),
            x509.IPAddress(IPv6Network("::/0")),
        ],
    )
    usage = x509.KeyUsage(
        key_cert_sign=True, crl_sign=True, digital_signature=False, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
        decipher_only=False,
    )  # fmt: skip
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + LIFETIME)
        .public_key(public)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(constraints, critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )


def _read(folder: Path) -> tuple[Authority, ec.EllipticCurvePrivateKey | None]:
    """The authority and its key; the key is None where it is of a kind that we do not make."""
    path = folder / KEY_FILE
    try:
        raw = path.read_bytes()
        certificate = x509.load_pem_x509_certificate(raw)
        key = serialization.load_pem_private_key(raw, password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError(
            f"{path}: this is no certificate authority that LLMCap can use: {error}\n"
            "hint: remove the file, LLMCap then makes a new one"
        ) from error
    if key.public_key() != certificate.public_key():
        raise ConfigError(
            f"{path}: the key does not belong to the certificate\n"
            "hint: remove the file, LLMCap then makes a new one"
        )
    ours = key if isinstance(key, ec.EllipticCurvePrivateKey) else None
    return Authority(folder, certificate), ours


def _write(folder: Path, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    _replace(folder / KEY_FILE, secret + pem, mode=0o600)
    _replace(folder / CERTIFICATE_FILE, pem, mode=0o644)


def _replace(path: Path, content: bytes, *, mode: int) -> None:
    """Write a whole file or nothing, at no moment readable by more than `mode` says."""
    descriptor, made = tempfile.mkstemp(dir=path.parent)  # always 0600
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        os.fchmod(file.fileno(), mode)
    Path(made).replace(path)
