"""
The fields of a request that somebody has read, or knows to cost nothing; all others are unread.

What they are stands in `fields/`, a file per family of formats, with a reason or a source for each.
A field that is not there may name something that is read (a text, a list, an object), or say how
often (a count): it is never taken for nothing. A switch passes: what it would switch on has fields
of its own, or a unit that the answer tells; but for one that is declared to have no bound.

All ways in use this one place: JSON, forms, queries, gRPC, the lines of a batch, the frames of a
session. An endpoint without a declaration has no call that could be bounded.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import chain
from typing import Any

from llmcap.providers.parts.declarations import NO_FIELDS, Fields, fields_of, snake
from llmcap.providers.parts.multipart import fields_of as form_of
from llmcap.providers.parts.multipart import repeated
from llmcap.providers.parts.reader import COUNT_MAX
from llmcap.providers.parts.shape import SEVERAL, Ask, Document, Endpoint, Request
from llmcap.streams.grpc import messages_in
from llmcap.streams.protobuf import Message
from llmcap.words.errors import FormatError

# Nobody bills what a server on this machine reads.
_COSTLESS = frozenset({"local"})
# Whether a text of a form or a query is a switch.
_SWITCH = frozenset({"true", "false", "on", "off", "yes", "no"})
_NAME_LENGTH_MAX = 100
# The version of a tool, behind its type.
_DATED = re.compile(r"_(?:\d{8}|\d{4}_\d{2}_\d{2})$")


@dataclass(frozen=True, slots=True)
class Unread:
    """
    What of a request nobody has read: the names, and the counts among them, multiplied.

    `said` are texts in it that may be names: one of a model may ask for that model.
    """

    names: tuple[str, ...] = ()
    times: int = 1
    said: tuple[str, ...] = field(default=(), compare=False)

    def and_(self, other: "Unread") -> "Unread":
        """Both."""
        if not other.names:
            return self
        names = tuple(dict.fromkeys((*self.names, *other.names)))
        said = tuple(dict.fromkeys((*self.said, *other.said)))
        return Unread(names, min(self.times * other.times, COUNT_MAX), said)


ALL_READ = Unread()


def asked(
    endpoint: Endpoint, request: Request, *, provider: str, allowed: Collection[str] = ()
) -> Ask:
    """
    What a request asks for at this endpoint, with what of it nobody has read.

    `allowed` are names that the user knows better. Raises `FormatError` for what cannot be read, or
    can be in several ways.
    """
    assert endpoint.read is not None, endpoint.name
    ask = endpoint.read(request)
    if provider in _COSTLESS:
        return ask
    if not endpoint.fields:
        raise FormatError(f"no field of {endpoint.name} is declared")
    unread = unread_in(request, provider=provider, fields=endpoint.fields, allowed=allowed)
    return with_unread(ask, unread)


def with_unread(ask: Ask, unread: Unread) -> Ask:
    """The same with more that nobody has read."""
    if not unread.names:
        return ask
    both = Unread(ask.unread, ask.unread_times, ask.unread_said).and_(unread)
    return replace(ask, unread=both.names, unread_times=both.times, unread_said=both.said)


def allowing(ask: Ask, allowed: Collection[str]) -> Ask:
    """The same without what the user knows better: in the calls that it orders too."""
    if ask.parts and any(part.unread for part in ask.parts):
        ask = replace(ask, parts=tuple(allowing(part, allowed) for part in ask.parts))
    if not ask.unread or not allowed:
        return ask
    left = tuple(name for name in ask.unread if name not in allowed)
    if not left:
        return replace(ask, unread=(), unread_times=1, unread_said=())
    return replace(ask, unread=left)


def unread_names(ask: Ask) -> tuple[str, ...]:
    """The names of what nobody has read, of the call and of those that it orders."""
    below = chain.from_iterable(part.unread for part in ask.parts)
    return tuple(dict.fromkeys((*ask.unread, *below)))


def unread_in(
    request: Request, *, provider: str, fields: str, allowed: Collection[str] = ()
) -> Unread:
    """
    What is not declared for this provider's format, in the body and in the query.

    Raises `FormatError` for a body that is neither a JSON object nor a form, and for what reads in
    several ways.
    """
    unread = _in_body(request, provider, fields, allowed)
    if request.query:
        unread = unread.and_(_in_query(request.query, provider, fields, allowed))
    return unread


def unread_in_document(
    body: Document, *, provider: str, fields: str, allowed: Collection[str] = ()
) -> Unread:
    """The same for an object that stands within a request, or is a frame of a session."""
    return _unread(body, fields_of(provider, fields), allowed)


# --- the ways in ----------------------------------------------------------------------------


def _in_body(request: Request, provider: str, fields: str, allowed: Collection[str]) -> Unread:
    known = fields_of(provider, fields)
    content_type = request.headers.get("content-type", "").lower()
    if content_type.startswith("application/grpc"):
        return _in_messages(request.body, known, allowed)
    if known.bodiless or (known.raw and "json" not in content_type):
        return ALL_READ
    if content_type.startswith("multipart/") and (form := form_of(request)):
        texts = [each for each in form if each.name not in known.repeats]
        if twice := repeated(texts):
            raise FormatError(f"the form has the field {twice[:60]!r} twice, and they differ")
        told = {each.name: _of_text(each.text) for each in form if not each.filename}
        return _unread(
            {**told, **{each.name: "" for each in form if each.filename}}, known, allowed
        )
    return _unread(request.document(), known, allowed)


def _in_query(
    query: Mapping[str, str], provider: str, fields: str, allowed: Collection[str]
) -> Unread:
    known = _query_of(provider, fields)
    for name, value in query.items():
        if SEVERAL in value and name not in known.repeats:
            raise FormatError(f"the query has {name[:60]!r} twice, and they differ")
    return _unread({name: _of_text(value) for name, value in query.items()}, known, allowed)


def _in_messages(body: bytes, known: Fields, allowed: Collection[str]) -> Unread:
    """The same for gRPC, where fields have numbers."""
    told: dict[str, Any] = {}
    for data in messages_in(body):
        message = Message(data)
        for number in message.numbers:
            told[str(number)] = max(message.counts(number)) if not message.blobs(number) else "..."
    return _unread(told, known, allowed)


@cache
def _query_of(provider: str, fields: str) -> Fields:
    several = [fields_of(provider, name, strict=False) for name in ("query", f"{fields}?")]
    names = frozenset().union(*(each.names for each in several))
    dear = frozenset().union(*(each.dear for each in several))
    repeats = frozenset().union(*(each.repeats for each in several))
    return replace(NO_FIELDS, names=names, dear=dear, repeats=repeats)


# --- what is in an object -------------------------------------------------------------------


def _unread(body: Document, known: Fields, allowed: Collection[str], prefix: str = "") -> Unread:
    if known.plain and body.keys() <= known.names:
        return ALL_READ
    if known.kinds:
        _check_kind(body, known, allowed, prefix)
    if known.camel:
        _check_spellings(body)
    found: list[str] = []
    said: list[str] = []
    times = 1
    for name, value in body.items():
        if not (known.any or name in known.names):
            costs = _may_cost(value) or (value and name.lower() in known.dear)
            if name in allowed or f"{prefix}{name}" in allowed or not costs:
                continue
            _check_letters(name, known)
            found.append(f"{prefix}{name}"[:_NAME_LENGTH_MAX])
            if isinstance(value, int | float):
                times = min(times * max(int(value), 1), COUNT_MAX)
            else:
                said += _names_in(value)
    unread = Unread(tuple(found), times, tuple(dict.fromkeys(said))) if found else ALL_READ
    for name, inner in known.below.items():
        for each in _objects(body.get(name, body.get(snake(name)) if known.camel else None)):
            unread = unread.and_(_unread(each, inner, allowed, f"{prefix}{name}."))
    return unread


def _names_in(value: Any) -> Iterator[str]:
    """The texts in a value that may be names, those of its objects' fields too."""
    stack = [value]
    while stack:
        each = stack.pop()
        if isinstance(each, dict):
            stack += (*each.keys(), *each.values())
        elif isinstance(each, list):
            stack += each
        elif isinstance(each, str) and 0 < len(each) <= _NAME_LENGTH_MAX and " " not in each:
            yield each


def _objects(value: Any) -> Iterator[Document]:
    """The value where it is an object, or the objects in it where it is a list."""
    if isinstance(value, dict):
        yield value
    elif isinstance(value, list):
        yield from (each for each in value if isinstance(each, dict))


def _check_kind(body: Document, known: Fields, allowed: Collection[str], prefix: str) -> None:
    """What the vendor runs by itself has a fee, and one that nobody knows could be any."""
    kind = body.get("type")
    told = kind if isinstance(kind, str) else ""
    if _DATED.sub("", told) in known.kinds:
        return
    if any(told.startswith(each[:-1]) for each in known.kinds if each.endswith("*")):
        return
    name = f"{prefix}{told}"[:_NAME_LENGTH_MAX]
    if name not in allowed and prefix.rstrip(".") not in allowed:
        raise FormatError(
            f"nobody knows what {name!r} costs; if it costs nothing: `allow_fields: [{name}]`"
        )


def _check_letters(name: str, known: Fields) -> None:
    """Some servers take letters of either case for the same name, and then it is one of ours."""
    folded = name.lower()
    if twin := next((each for each in known.names if each.lower() == folded), ""):
        raise FormatError(f"it has {name!r:.60}, which may be taken for {twin!r}")


def _check_spellings(body: Document) -> None:
    """Of two spellings of one name that differ, only the vendor knows which counts."""
    for name, value in body.items():
        other = snake(name)
        if other != name and other in body and body[other] != value:
            raise FormatError(f"it has both {name!r:.60} and {other!r:.60}, and they differ")


def _may_cost(value: Any) -> bool:
    """
    Whether it could name or multiply something: not a switch, nothing, or a count below two.

    An object is a name even where it is empty: `{"googleSearch": {}}` is all that Gemini asks for.
    """
    if isinstance(value, dict):
        return True
    if value is None or isinstance(value, bool):
        return False
    if isinstance(value, int | float):
        return value >= 2
    return bool(value)


def _of_text(text: str) -> Any:
    """What a text of a form or of a query stands for, as far as it could cost."""
    plain = text.strip().lower()
    if plain in _SWITCH:
        return plain in ("true", "on", "yes")
    if plain.isascii() and plain.isdigit() and len(plain) < 16:
        return int(plain)
    return text
