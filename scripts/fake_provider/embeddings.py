"""Embeddings of OpenAI and Google: input tokens only, vectors that mean nothing."""

import base64
import struct

from fake_provider.bill import Record
from fake_provider.count import count_input
from fake_provider.engine import Document

DIMENSIONS = 8
VECTOR = [0.125 * number for number in range(DIMENSIONS)]


def openai_tokens(document: Document) -> int:
    """Tokens of one text, of several, or of texts that are tokens already."""
    given = document.get("input", "")
    if isinstance(given, list) and given and isinstance(given[0], int):
        return len(given)
    if isinstance(given, list) and given and isinstance(given[0], list):
        return sum(len(tokens) for tokens in given)
    return count_input(*given) if isinstance(given, list) else count_input(given)


def openai_answer(document: Document, record: Record, served: str) -> Document:
    """One vector per input, as numbers or packed, as the request wants."""
    given = document.get("input", "")
    many = isinstance(given, list) and bool(given) and not isinstance(given[0], int)
    vector: object = VECTOR
    if document.get("encoding_format") == "base64":
        vector = base64.b64encode(struct.pack(f"<{DIMENSIONS}f", *VECTOR)).decode()
    return {
        "object": "list",
        "model": served,
        "data": [
            {"object": "embedding", "index": index, "embedding": vector}
            for index in range(len(given) if many else 1)
        ],
        "usage": {"prompt_tokens": record.input, "total_tokens": record.input},
    }


def gemini_answer(document: Document, record: Record, *, batch: bool) -> Document:
    """One vector, or one per request of a batch."""
    usage = {"promptTokenCount": record.input, "totalTokenCount": record.input}
    if not batch:
        return {"embedding": {"values": VECTOR}, "usageMetadata": usage}
    requests = document.get("requests", [])
    return {"embeddings": [{"values": VECTOR} for _ in requests], "usageMetadata": usage}
