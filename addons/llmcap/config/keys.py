"""Where the real keys of providers are: `keys` of a config."""

import re
from typing import Any

from llmcap.config.readers import TEXT, Kind
from llmcap.config.yamldoc import Place
from llmcap.providers import provider_hint, provider_names

# As `keys.sources` reads them.
_SOURCE = re.compile(r"env:[A-Za-z_]\w*|file:.+|command:.+|keyring:[^/]+/.+")
# As `keys.aws` reads it: credentials that sign, of these providers alone.
_SIGNS = re.compile(r"aws:[\w.@/ -]*")
_SIGNED = ("aws-bedrock", "anthropic-aws")

SCHEMA: dict[str, Any] = {
    "description": (
        "Where a provider's real key is: env:NAME, file:PATH, command:WORDS or "
        "keyring:SERVICE/USER; of AWS's signatures aws: or aws:PROFILE. A command of "
        "`llmcap run` has a stand-in in its place."
    ),
    "type": "object",
    "additionalProperties": {"type": "string", "minLength": 1},
}


def _keys(place: Place) -> dict[str, str]:
    found: dict[str, str] = {}
    for provider, each in place.items():
        if provider not in provider_names():
            each.fail(f"there is no provider {provider!r}", hint=provider_hint(provider))
        source = TEXT.read(each)
        if _SIGNS.fullmatch(source) and provider not in _SIGNED:
            each.fail(f"credentials of AWS are for {' and '.join(_SIGNED)}")
        if not (_SOURCE.fullmatch(source) or _SIGNS.fullmatch(source)):
            # What stands there may be the key itself: it is not repeated.
            each.fail(
                "this is no place of a key",
                hint="write env:NAME, file:PATH, command:WORDS, keyring:SERVICE/USER, aws:PROFILE",
            )
        found[provider] = source
    return found


KEYS: Kind[dict[str, str]] = Kind(_keys, SCHEMA)
