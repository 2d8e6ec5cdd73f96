"""
Whose model it is, whoever sells it: the maker and the plain name behind a seller's spelling of it.

`us.anthropic.claude-sonnet-4-5-20250929-v1:0` at Bedrock, `anthropic/claude-sonnet-4.5` at a router
and `claude-sonnet-4-5@20250929` at Vertex are one model, and count a picture alike. A name that
somebody else may have given (`someone/gpt-4o-mini-of-mine`) belongs to no maker.
"""

import re
from functools import cache

# How the names of a maker's models begin, and the names under which sellers put it in front.
_MAKERS: tuple[tuple[str, tuple[str, ...], re.Pattern[str]], ...] = (
    ("openai", ("openai", "azure", "azure-openai"),
     re.compile(r"(?:gpt|chatgpt|o[1-9]|codex|computer-use|whisper|omni)(?:$|[-.\d])")),
    ("anthropic", ("anthropic",), re.compile(r"claude(?:$|[-.\d])")),
    ("google", ("google", "google-vertex", "vertex", "vertex_ai"),
     re.compile(r"(?:gemini|nano-banana)(?:$|[-.\d])")),
    ("gemma", ("google", "google-vertex"), re.compile(r"gemma(?:$|[-.\d])")),
    ("amazon", ("amazon",), re.compile(r"nova(?:$|[-.\d])")),
    ("mistral", ("mistral", "mistralai"),
     re.compile(r"(?:mistral|ministral|pixtral|magistral|voxtral|devstral)(?:$|[-.\d])")),
    ("xai", ("xai", "x-ai"), re.compile(r"grok(?:$|[-.\d])")),
    ("cohere", ("cohere", "coherelabs"), re.compile(r"(?:command|c4ai-aya-vision)(?:$|[-.\d])")),
    ("meta", ("meta", "meta-llama"), re.compile(r"(?:meta-)?llama-?[1-4](?:$|[-.\d])")),
    ("qwen", ("qwen", "alibaba"), re.compile(r"(?:qwen|qvq)")),
)  # fmt: skip

# What sellers put before a name that says nothing of its maker: regions, paths, tuned copies.
_REGION = re.compile(r"^(?:us|eu|apac|ap|jp|au|ca|sa|me|af|global|us-gov)\.(?=[a-z0-9-]+\.)")
_TUNED = re.compile(r"^ft:([^:]+)")


@cache
def family_of(model: str) -> tuple[str, str]:
    """The maker of a model and its plain name; ("", "") where that cannot be told."""
    name = model.lower().strip()
    if found := _TUNED.match(name):
        name = found[1]
    vendor, _, name = name.rpartition("/")
    vendor = vendor.rpartition("/")[2]
    if not vendor:
        name = _REGION.sub("", name)
        if "." in name and name.partition(".")[0].isalpha():
            vendor, _, name = name.partition(".")
    for maker, vendors, begins in _MAKERS:
        if (not vendor or vendor in (*vendors, "models")) and begins.match(name):
            return maker, name
    return "", ""
