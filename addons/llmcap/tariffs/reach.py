"""
Reaching a source of prices: a page, a file, a wheel from the package index; bounded in all of it.

Pages are read over TLS with a certificate that fits; only this machine may be asked without. What
is too large, too slow or not what it says is an error with one sentence, and nothing else happens.
"""

import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from llmcap.words.errors import PriceError

BYTES_MAX = 64 << 20
SECONDS_MAX = 60.0  # for a whole source
SILENT_SECONDS_MAX = 15.0  # for one read of it
PIP_SECONDS_MAX = 300

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_AT_ONCE = 1 << 16


class _NoDetours(urllib.request.HTTPRedirectHandler):
    """Follows a redirect only to where we would have gone ourselves."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """The next request, or the error of an address that we do not ask."""
        try:
            _checked(newurl)
        except PriceError:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fetch(url: str, *, seconds: float = SECONDS_MAX) -> bytes:
    """The bytes of a page. Raises `PriceError`."""
    _checked(url)
    opener = urllib.request.build_opener(_NoDetours)
    request = urllib.request.Request(url, headers={"user-agent": "llmcap"})  # noqa: S310 - checked
    ends = time.monotonic() + seconds
    try:
        with opener.open(request, timeout=min(SILENT_SECONDS_MAX, seconds)) as answer:
            parts: list[bytes] = []
            size = 0
            while part := answer.read1(_AT_ONCE):
                size += len(part)
                if size > BYTES_MAX:
                    raise PriceError(f"{url}: it is larger than {BYTES_MAX >> 20} MB")
                if time.monotonic() > ends:
                    raise PriceError(f"{url}: it did not arrive within {seconds:.0f} seconds")
                parts.append(part)
            told = answer.headers.get("content-length")
            if told and told.isdecimal() and int(told) != size:
                raise PriceError(f"{url}: it broke off after {size} of {told} bytes")
    except urllib.error.HTTPError as error:
        error.close()
        raise PriceError(f"{url}: it answers {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        raise PriceError(f"{url}: it cannot be reached: {error.reason}") from None
    except TimeoutError:
        raise PriceError(f"{url}: it says nothing for {SILENT_SECONDS_MAX:.0f} seconds") from None
    except (HTTPException, OSError, ValueError) as error:
        raise PriceError(f"{url}: it broke off: {error!s:.200}") from None
    return b"".join(parts)


def _checked(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and parts.hostname in _LOOPBACK:
        return
    raise PriceError(f"{url}: prices are read over https only (http from this machine itself)")


def read_file(path: Path) -> bytes:
    """The bytes of a file. Raises `PriceError`."""
    try:
        if path.stat().st_size > BYTES_MAX:
            raise PriceError(f"{path}: it is larger than {BYTES_MAX >> 20} MB")
        return path.read_bytes()
    except OSError as error:
        raise PriceError(f"{path}: it cannot be read: {error.strerror}") from None


def download_wheel(package: str, folder: Path) -> Path:
    """The newest wheel of a package, by pip, which installs and runs nothing of it."""
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
        "--no-deps", "--only-binary=:all:", "--no-input", "--dest", str(folder), package,
    ]  # fmt: skip
    try:
        done = subprocess.run(  # noqa: S603 - our own words, and no shell
            command, capture_output=True, text=True, timeout=PIP_SECONDS_MAX, check=False
        )
    except subprocess.TimeoutExpired:
        raise PriceError(f"pip needs more than {PIP_SECONDS_MAX} seconds for {package}") from None
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise PriceError(
            f"pip cannot download {package}: {said[-1] if said else 'it says nothing'}"
        )
    return wheels[0]


def temporary() -> "tempfile.TemporaryDirectory[str]":
    """A folder that goes away again."""
    return tempfile.TemporaryDirectory(prefix="llmcap-prices-")
