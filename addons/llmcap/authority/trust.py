"""
The roots that a program behind the proxy trusts: the system's, the user's own, and our certificate.

The files are named by what is in them, so that two runs share them, and one that starts while the
certificate is being renewed changes nothing for programs that already run.
"""

import hashlib
import os
import re
import shutil
import ssl
import tempfile
import time
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path

from llmcap.authority.variables import BUNDLE_VARIABLES, EXTRA_VARIABLES, JAVA_STORE_PASSWORD, Trust
from llmcap.words.errors import ConfigError
from llmcap.words.paths import make_folder

# Where systems keep all their roots in one file, in the order of how common they are.
SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch, Gentoo
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Fedora, RHEL
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # Alpine, macOS, FreeBSD
    "/usr/local/etc/openssl/cert.pem",
)

# Sets of files that no run has used for this long are removed.
UNUSED_SECONDS_MAX = 30 * 24 * 3600

_CERTIFICATE = re.compile(
    r"-----BEGIN CERTIFICATE-----\s+([A-Za-z0-9+/=\s]+?)-----END CERTIFICATE-----"
)


def prepare(certificate_pem: str, *, environ: Mapping[str, str], folder: Path) -> Trust:
    """
    The trust files for a command started in `environ`, made under `folder` where they are missing.

    Raises `ConfigError` where they cannot be written.
    """
    extra = join([certificate_pem, *_files(environ, EXTRA_VARIABLES)])
    bundle = join([certificate_pem, *roots(environ)])
    digest = hashlib.sha256((extra + bundle).encode()).hexdigest()[:16]
    place = folder / digest
    trust = Trust(extra=place / "ca.pem", bundle=place / "bundle.pem", java=place / "roots.p12")
    try:
        if place.is_dir():
            os.utime(place)
        else:
            _write(place, {"ca.pem": extra.encode(), "bundle.pem": bundle.encode(),
                           "roots.p12": java_store(bundle)})  # fmt: skip
            _prune(folder, keep=place)
    except OSError as error:
        raise ConfigError(
            f"{place}: the certificates for the command cannot be written: {error.strerror}\n"
            "hint: XDG_DATA_HOME names another place for LLMCap's folder"
        ) from error
    return trust


def roots(environ: Mapping[str, str]) -> list[str]:
    """All that a program started in `environ` may trust, as PEM: the system's and the user's."""
    return [system_roots(), *_files(environ, (*BUNDLE_VARIABLES, *EXTRA_VARIABLES))]


def roots_file(environ: Mapping[str, str], *, folder: Path) -> Path:
    """One file with `roots(environ)`: what the proxy itself trusts on its way to the providers."""
    text = join(roots(environ))
    path = folder / f"roots-{hashlib.sha256(text.encode()).hexdigest()[:16]}.pem"
    if not path.exists():
        make_folder(folder)
        with tempfile.NamedTemporaryFile("w", dir=folder, delete=False) as file:
            file.write(text)
        Path(file.name).replace(path)
    return path


def system_roots() -> str:
    """The roots of this system, in one PEM text; those of certifi where it has none."""
    compiled_in = ssl.get_default_verify_paths().openssl_cafile
    for path in (*SYSTEM_BUNDLES, compiled_in):
        text = _read(path)
        if _CERTIFICATE.search(text):
            return text
    import certifi  # noqa: PLC0415  # only where a system has no roots

    return certifi.contents()


def join(texts: Iterable[str]) -> str:
    """The certificates of PEM texts, each once, in order, without comments and keys."""
    bodies: dict[str, None] = {}
    for text in texts:
        for match in _CERTIFICATE.finditer(text):
            bodies["".join(match[1].split())] = None
    return "".join(map(_armoured, bodies))


def _armoured(body: str) -> str:
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])


def java_store(bundle: str) -> bytes:
    """The certificates of a PEM text as the PKCS #12 store that Java reads."""
    # Not at the top: a start that finds its files ready needs none of it, and it costs 0.1 s.
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12  # noqa: PLC0415

    entries = []
    for number, match in enumerate(_CERTIFICATE.finditer(bundle)):
        with warnings.catch_warnings():
            # Some old roots have a serial number that is not positive: Java takes them.
            warnings.simplefilter("ignore")
            try:
                certificate = x509.load_pem_x509_certificate(match[0].encode())
            except ValueError:
                continue  # a later parser may refuse them; the other roots are still good
        entries.append(pkcs12.PKCS12Certificate(certificate, f"root{number}".encode()))
    password = BestAvailableEncryption(JAVA_STORE_PASSWORD.encode())
    return pkcs12.serialize_java_truststore(entries, password)


def _files(environ: Mapping[str, str], variables: Iterable[str]) -> list[str]:
    paths = dict.fromkeys(environ[name] for name in variables if environ.get(name))
    return [_read(path) for path in paths]


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""  # a variable that names no file adds nothing, as in the programs that read it


def _write(place: Path, files: Mapping[str, bytes]) -> None:
    """All files of one set at once: another run sees either none of them or all."""
    make_folder(place.parent)
    made = Path(tempfile.mkdtemp(dir=place.parent))
    for name, content in files.items():
        (made / name).write_bytes(content)
    try:
        made.rename(place)
    except OSError:
        shutil.rmtree(made, ignore_errors=True)
        if not place.is_dir():
            raise


def _prune(folder: Path, *, keep: Path) -> None:
    oldest = time.time() - UNUSED_SECONDS_MAX
    for place in folder.iterdir():
        if place != keep and place.is_dir() and place.stat().st_mtime < oldest:
            shutil.rmtree(place, ignore_errors=True)
