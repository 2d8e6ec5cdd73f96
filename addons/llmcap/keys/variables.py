"""The variables in which the vendors' packages look for their keys, by their documentation."""

from collections.abc import Mapping

# Where they are not PROVIDER_API_KEY, or not that alone.
_NAMES: Mapping[str, tuple[str, ...]] = {
    "anthropic": ("ANTHROPIC_API_KEY",),
    "aws-bedrock": ("AWS_BEARER_TOKEN_BEDROCK",),
    "azure-ai": ("AZURE_AI_API_KEY", "AZURE_INFERENCE_CREDENTIAL"),
    "azure-openai": ("AZURE_OPENAI_API_KEY",),
    "cohere": ("COHERE_API_KEY", "CO_API_KEY"),
    "google": ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY"),
    "huggingface": ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"),
    "moonshotai": ("MOONSHOT_API_KEY",),
    "openai": ("OPENAI_API_KEY",),
    "perplexity": ("PERPLEXITY_API_KEY", "PPLX_API_KEY"),
    "replicate": ("REPLICATE_API_TOKEN",),
    "vercel-gateway": ("AI_GATEWAY_API_KEY",),
}


def variables(provider: str) -> tuple[str, ...]:
    """
    The names for a provider's key.

    >>> variables("google"), variables("nano-gpt")
    (('GEMINI_API_KEY', 'GOOGLE_API_KEY', 'GOOGLE_GENERATIVE_AI_API_KEY'), ('NANO_GPT_API_KEY',))
    """
    return _NAMES.get(provider) or (f"{provider.replace('-', '_').upper()}_API_KEY",)
