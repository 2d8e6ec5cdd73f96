"""
Sound without a header: samples, whose rate and width only the request tells.

`audio/L16;rate=16000;channels=1` (RFC 2586), `pcm16`, `encoding=linear16&sample_rate=8000`.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

_PARAMETER = re.compile(r"[;&?]\s*(rate|sample_rate|channels|encoding)=([\w.]+)")

# Bytes of a sample, by what the formats are called. Of those that are compressed, none can be told.
_WIDTHS = {
    "l16": 2, "audio/l16": 2, "pcm": 2, "audio/pcm": 2, "pcm16": 2, "pcm_s16le": 2, "s16le": 2,
    "linear16": 2, "pcm_s16le_16": 2, "linear32": 4, "l24": 3, "audio/l24": 3, "l8": 1,
    "audio/l8": 1, "mulaw": 1, "ulaw": 1, "alaw": 1, "pcmu": 1, "pcma": 1, "audio/pcmu": 1,
    "audio/pcma": 1, "audio/basic": 1, "g711_ulaw": 1, "g711_alaw": 1,
}  # fmt: skip
# Whose rate is always the same.
_RATES = {
    "mulaw": 8_000, "ulaw": 8_000, "alaw": 8_000, "pcmu": 8_000, "pcma": 8_000,
    "audio/pcmu": 8_000, "audio/pcma": 8_000, "audio/basic": 8_000, "g711_ulaw": 8_000,
    "g711_alaw": 8_000, "pcm_s16le_16": 16_000,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pcm:
    """Samples of so many bytes, so many of a channel in a second."""

    width: int
    rate: int
    channels: int

    def seconds(self, size: int) -> Fraction:
        """How long so many bytes play."""
        return Fraction(size, self.width * self.rate * self.channels)


def pcm_of(said: str) -> Pcm | None:
    """What a request says of samples without a header; None where it says too little."""
    said = said.lower()
    told = dict(_PARAMETER.findall(said))
    name = told.get("encoding") or re.split(r"[;&?]", said, maxsplit=1)[0].strip()
    width = _WIDTHS.get(name)
    rate = _positive(told.get("rate") or told.get("sample_rate")) or _RATES.get(name, 0)
    if width is None or not rate:
        return None
    return Pcm(width, rate, _positive(told.get("channels")) or 1)


def _positive(number: str | None) -> int:
    return int(number) if number and number.isdecimal() and len(number) < 8 else 0
