"""
Mistral's chats: OpenAI's, but for sound, which is billed by the second and not by its tokens.

https://docs.mistral.ai/api, https://mistral.ai/pricing
"""

from dataclasses import replace

from llmcap.providers.compatible import CompatibleReader, Read
from llmcap.providers.parts.reader import amount
from llmcap.providers.parts.shape import (
    Ask,
    Document,
    Request,
)
from llmcap.words.records import Usage


def with_sound(read: Read) -> Read:
    """The same with sound as seconds: that is what it is billed by, and not by its tokens."""

    def read_with_sound(request: Request) -> Ask:
        ask = read(request)
        if not any(each.kind == "audio" for each in ask.media):
            return ask
        heard = tuple(
            replace(each, unit="audio_second", beside=True) if each.kind == "audio" else each
            for each in ask.media
        )
        return replace(ask, media=heard, sound=True)

    return read_with_sound


class MistralReader(CompatibleReader):
    """Chat completions whose sound is billed by the second."""

    def usage_of(self, usage: Document) -> Usage:
        """Tokens of text, and seconds of sound."""
        seconds = amount(usage.get("prompt_audio_seconds"))
        if not seconds:
            return super().usage_of(usage)
        # The tokens of the sound are in the total alone.
        known = super().usage_of({**usage, "total_tokens": 0})
        return replace(known, input_audio=0, extras={"audio_second": seconds})
