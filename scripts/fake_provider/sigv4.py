"""
AWS's signatures as the provider's side checks them, written from AWS's description alone.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlsplit

from fake_provider.exchange import Request

_TOLD = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([\w-]+)/([\w-]+)/aws4_request, "
    r"SignedHeaders=([\w;-]+), Signature=([0-9a-f]{64})"
)


def objection(request: Request, secrets: Mapping[str, str]) -> str:
    """
    What is wrong with a request's signature; nothing where it is right.

    `secrets` are those of each access key's id, followed by a space and the session's token where
    there is one. Like AWS's, the sentence repeats what was said.
    """
    found = _TOLD.fullmatch(request.headers.get("authorization", ""))
    if found is None:
        return "Missing Authentication Token"
    name, day, region, service, names, told = found.groups()
    if name not in secrets:
        return f"The security token included in the request is invalid: {name}."
    secret, _, token = secrets[name].partition(" ")
    if request.headers.get("x-amz-security-token", "") != token:
        return "The security token included in the request is invalid."
    stamp = request.headers.get("x-amz-date", "")
    hashed = hashlib.sha256(request.body).hexdigest()
    claimed = request.headers.get("x-amz-content-sha256")
    if claimed not in (None, "UNSIGNED-PAYLOAD", hashed):
        return "The provided x-amz-content-sha256 does not match what was computed."
    wanted = names.split(";")
    carried = {n for n in request.headers if n.startswith("x-amz-")} | {"host"}
    if not stamp.startswith(day) or not carried <= set(wanted):
        return f"The headers {sorted(carried)} must be signed, and on their day."
    canonical = "\n".join([
        request.method,
        "/".join(quote(part, safe="-_.~") for part in request.path.split("/")),
        _query(request.target),
        *(f"{n}:{' '.join(request.headers.get(n, '').split())}" for n in wanted),
        "",
        names,
        claimed or hashed,
    ])  # fmt: skip
    scope = f"{day}/{region}/{service}/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"
    key = b"AWS4" + secret.encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    made = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    return "" if made == told else f"The signature does not match. Canonical:\n{canonical}"


def _query(target: str) -> str:
    pairs = parse_qsl(urlsplit(target).query, keep_blank_values=True)
    encoded = sorted((quote(n, safe="-_.~"), quote(v, safe="-_.~")) for n, v in pairs)
    return "&".join(f"{n}={v}" for n, v in encoded)
