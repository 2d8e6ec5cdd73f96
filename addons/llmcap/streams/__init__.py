"""
Bytes to events, incrementally: content-encodings, then the framings of streamed answers.

Every decoder has one shape: `decode(data)` gives what is whole by now, `flush()` the rest at the
end of the response. None owns a socket or a clock, none keeps more than its bound; past a bound, or
on bytes that cannot be what they should be, it raises `FormatError`. Bytes come in as they were cut
on the way, whole events go out; a decoder never changes what passes.
"""
