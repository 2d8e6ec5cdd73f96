"""
Where the price book lies, and how its files are read: every number as exact text, never as float.

A provider's YAML takes tens of milliseconds to parse, so the generator leaves the same document as
JSON in `compiled/`, with the digest of the YAML it was made from. The JSON is taken only while that
digest fits: a YAML file that somebody has edited counts at once, it only loads more slowly.
"""

import hashlib
import json
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from llmcap.words.errors import PriceError

Document = dict[str, Any]

COMPILED = "compiled"
_PACKAGE = Path(__file__).resolve().parent.parent

_BaseLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _ExactLoader(_BaseLoader):  # type: ignore[misc]
    """YAML whose decimals and dates stay the text that was written, and each name stands once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:  # noqa: FBT001, FBT002 - as there
        """A mapping: of two equal names YAML takes the last, which may be the cheaper one."""
        names: set[str] = set()
        for name in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if name.value in names:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{name.value[:80]!r} stands there twice", name.start_mark
                )
            names.add(name.value)
        return super().construct_mapping(node, deep=deep)


_ExactLoader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag not in ("tag:yaml.org,2002:float", "tag:yaml.org,2002:timestamp")
    ]
    for first, resolvers in _BaseLoader.yaml_implicit_resolvers.items()
}


@cache
def find_folder() -> Path:
    """The price book's folder: the copy inside an installed package first, a checkout second."""
    for folder in (_PACKAGE / "_pricing", _PACKAGE.parent.parent / "pricing"):
        if (folder / "units.yaml").is_file():
            return folder
    raise PriceError(
        "the price book is missing: neither llmcap/_pricing in the package nor pricing/ in the "
        "checkout has a units.yaml\nhint: reinstall llmcap"
    )


def parse_yaml(text: str | bytes, name: str) -> Document:
    """The document of one YAML file; `name` is for the message of a `PriceError`."""
    try:
        document = yaml.load(text, Loader=_ExactLoader)  # noqa: S506 (a safe loader, restricted)
    except yaml.YAMLError as error:
        raise PriceError(f"{name} is not YAML: {error}") from error
    if not isinstance(document, dict):
        raise PriceError(f"{name} must be a mapping, not {type(document).__name__}")
    return document


def digest(text: bytes) -> str:
    """What ties a compiled file to the YAML it was made from."""
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def read_document(folder: Path, name: str) -> Document:
    """`<name>.yaml` of the book, from its compiled form where that is current."""
    path = folder / f"{name}.yaml"
    try:
        text = path.read_bytes()
    except OSError as error:
        raise PriceError(f"{path} cannot be read: {error}") from error
    try:
        compiled = json.loads(
            (folder / COMPILED / f"{name}.json").read_bytes(), parse_float=Decimal
        )
    except (OSError, ValueError):
        return parse_yaml(text, path.name)
    if compiled.get("digest") != digest(text):
        return parse_yaml(text, path.name)
    document: Document = compiled["document"]
    return document
