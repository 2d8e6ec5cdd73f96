"""
genai-prices' data as its wheel has it: a Python file of plain records, read and never run.

The file is one list of calls such as `ModelInfo(id='x', match=ClauseEquals(equals='x'), ...)`. It
is parsed, and every call becomes the mapping of its arguments, which is the document that the same
project publishes as JSON. Anything but calls, lists, mappings, texts and numbers is refused.
"""

import ast
import zipfile
from datetime import date, time
from pathlib import Path
from typing import Any

from llmcap.words.errors import PriceError

MEMBER = "genai_prices/data.py"
BYTES_MAX = 64 << 20


def document_of(text: str) -> list[Any]:
    """The list of providers in the text of `data.py`. Raises `PriceError`."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise PriceError(f"{MEMBER} is not Python: {error}") from None
    for node in tree.body:
        match node:
            case ast.AnnAssign(target=ast.Name(id="providers"), value=ast.List() as listed):
                made: list[Any] = _value(listed)
                return made
    raise PriceError(f"{MEMBER} has no list of providers")


def read_wheel(path: Path) -> tuple[list[Any], str]:
    """The document in a wheel, and the wheel's version. Raises `PriceError`."""
    try:
        with zipfile.ZipFile(path) as wheel:
            member = wheel.getinfo(MEMBER)
            if member.file_size > BYTES_MAX:
                raise PriceError(f"{path.name}: {MEMBER} is larger than {BYTES_MAX >> 20} MB")
            text = wheel.read(member).decode()
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        raise PriceError(f"{path.name} is no wheel of genai-prices: {error}") from None
    return document_of(text), path.name.split("-")[1] if "-" in path.name else path.name


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.List(elts=elements):
            return [_value(each) for each in elements]
        case ast.Dict(keys=keys, values=values):
            return {_value(key): _value(each) for key, each in _pairs(keys, values)}
        case ast.Call(func=ast.Name(id="Decimal"), args=[ast.Constant(value=str(text))]):
            return text
        case ast.Call(func=ast.Attribute(attr="date"), args=numbers):
            return date(*[_whole(each) for each in numbers]).isoformat()
        case ast.Call(func=ast.Attribute(attr="time"), args=numbers):
            hour, minute, *_ = [_whole(each) for each in numbers]
            return time(hour, minute).isoformat()
        case ast.Call(func=ast.Name(), args=[], keywords=keywords):
            return {_key(each): _value(each.value) for each in keywords}
    raise PriceError(f"{MEMBER}: line {node.lineno}: {ast.unparse(node)[:60]!r} is no plain record")


def _pairs(keys: list[ast.expr | None], values: list[ast.expr]) -> list[tuple[ast.expr, ast.expr]]:
    return [(key, each) for key, each in zip(keys, values, strict=True) if key is not None]


def _key(keyword: ast.keyword) -> str:
    """The name of an argument: `or_` is `or` in the document."""
    return (keyword.arg or "").rstrip("_")


def _whole(node: ast.expr) -> int:
    value = _value(node)
    if not isinstance(value, int):
        raise PriceError(f"{MEMBER}: line {node.lineno}: {value!r} is no whole number")
    return value
