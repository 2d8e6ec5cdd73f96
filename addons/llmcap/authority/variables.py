"""The variables by which programs are told whom to trust, and the files that these name."""

from dataclasses import dataclass
from pathlib import Path

# These replace the roots that a program trusts: they get the bundle of all roots and ours.
BUNDLE_VARIABLES = (
    "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE", "GIT_SSL_CAINFO",
    "CARGO_HTTP_CAINFO", "PIP_CERT", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", "npm_config_cafile",
)  # fmt: skip

# These add to the roots: they get our certificate, and what the user already added.
EXTRA_VARIABLES = (
    "NODE_EXTRA_CA_CERTS", "DENO_CERT", "CODEX_CA_CERTIFICATE", "PERL_LWP_SSL_CA_FILE",
)  # fmt: skip

# Java's own default: the store holds no secret.
JAVA_STORE_PASSWORD = "changeit"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Trust:
    """The files that make a program trust the proxy."""

    extra: Path  # our certificate, and what the user added to the roots before
    bundle: Path  # all roots of the system and the user, and our certificate
    java: Path  # the bundle as a PKCS #12 store
