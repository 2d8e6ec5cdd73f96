"""
The most that each vendor takes of one recording or document, as it says itself.

Used where a medium is fetched by the vendor, or cannot be read here. A vendor that is not here says
nothing of it: what it fetches has no bound then.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """So many of a unit, and where that is said."""

    most: int
    source: str


# Seconds of one recording.
LONGEST_SECONDS = {
    "mistral": Limit(3 * 3_600, "https://docs.mistral.ai/capabilities/audio"),
    "elevenlabs": Limit(10 * 3_600, "https://elevenlabs.io/docs/capabilities/speech-to-text"),
    "assemblyai": Limit(10 * 3_600, "https://www.assemblyai.com/docs/faq: 10 hours"),
    "google": Limit(34_200, "https://ai.google.dev/gemini-api/docs/audio: 9.5 hours"),
    "google-vertex": Limit(
        34_200,
        "https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/audio-understanding: "
        "8.4 hours, or a million tokens",
    ),
}

# Pages of one document.
MOST_PAGES = {
    "mistral": Limit(1_000, "https://docs.mistral.ai/capabilities/document_ai"),
    # Read by Mistral, where the model reads none: openrouter.ai/docs/features/multimodal/pdfs.
    "openrouter": Limit(1_000, "https://docs.mistral.ai/capabilities/document_ai"),
    "azure-ai": Limit(
        2_000, "https://learn.microsoft.com/azure/ai-services/document-intelligence/service-limits"
    ),
    "google-vertex": Limit(1_000, "https://docs.mistral.ai/capabilities/document_ai"),
}

# Pixels of one picture, where they are billed: a larger one is scaled down.
# https://docs.voyageai.com/docs/pricing, "Multimodal Embeddings"
MOST_PIXELS = {"voyage": Limit(2_000_000, "https://docs.voyageai.com/docs/pricing")}
LEAST_PIXELS = 50_000
# A film: a token for 1,120 pixels of all its frames, within 32,000 tokens.
# https://docs.voyageai.com/docs/multimodal-embeddings
MOST_FILM_PIXELS = {
    "voyage": Limit(32_000 * 1_120, "https://docs.voyageai.com/docs/multimodal-embeddings")
}
