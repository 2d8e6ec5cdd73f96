"""Promise: a gRPC call of xAI is bounded by its fields and billed by its usage."""

from decimal import Decimal

import pytest
from grok_calls import HEAD, MODEL, asked, chunk, field, framed, request, usage
from walk import walk

from llmcap.providers import match
from llmcap.providers.parts.shape import Ask, Billing, Request
from llmcap.providers.xai.grpc import fewer_turns, read_completion
from llmcap.streams.grpc import messages_in
from llmcap.streams.protobuf import Message
from llmcap.walk.answers import Refused
from llmcap.walk.flight import CallInFlight
from llmcap.words.errors import FormatError
from llmcap.words.records import Reading, Usage

READ, CACHED, WRITTEN = 1250, 200, 2500  # nano-dollars for one token


def completion(used: bytes) -> bytes:
    """A GetChatCompletionResponse."""
    message = field(1, "four words of text") + field(2, 2)
    output = field(1, 3) + field(3, message)
    return field(1, "id-1") + field(2, output) + field(6, MODEL) + field(9, used)


def ask_of(message: bytes) -> Ask:
    """What a request asks for."""
    return read_completion(request(message))


def serve(told, message: bytes, answer: bytes, method: str = "GetCompletion") -> CallInFlight:
    """A call and its whole answer."""
    call = told.admit(request(message, method))
    assert isinstance(call, CallInFlight), call
    call.responded(200, HEAD, streams=True)
    assert call.feed(answer) == answer
    assert call.finish() == b""
    return call


def read(answer: bytes, method: str = "GetCompletion") -> Reading:
    """What the reader of a method makes of an answer."""
    told = walk("1")
    call = serve(told, asked(), answer, method)
    return call._meter.reading


def test_a_request_is_bounded_by_its_fields():
    """Model, limit, choices, tier, user, what it continues."""
    more = (field(7, 300), field(8, 2), field(16, "me"), field(22, "id-0"), field(31, 2))
    ask = ask_of(asked("hello", *more))
    assert (ask.model, ask.output_limit, ask.choices) == (MODEL, 300, 2)
    assert (ask.terms, ask.attributes) == (("priority",), {"user": "me"})
    assert (ask.previous_id, ask.remote_input) == ("id-0", True)
    assert ask.text_bytes >= len(b"hello")


def test_images_and_files_are_no_text():
    """Their bytes are bounded by their kind."""
    image = field(2, field(1, "data:image/png;base64," + "A" * 40_000))
    remote = field(2, field(1, "https://example.org/a.png"))
    document = field(3, field(2, b"%PDF" * 1000))
    message = field(1, field(1, image) + field(1, remote) + field(1, document))
    ask = ask_of(message + field(2, MODEL))
    assert [media.kind for media in ask.media] == ["image", "image", "file"]
    assert [media.bytes is None for media in ask.media] == [False, True, False]
    assert ask.text_bytes < 500


@pytest.mark.parametrize(
    ("tool", "fees"),
    [
        pytest.param(field(1, field(1, "mine")), {}, id="function"),
        pytest.param(field(3, b""), {"web_search": 4}, id="web search"),
        pytest.param(field(4, b""), {"x_search": 4}, id="x search"),
        pytest.param(field(5, b""), {"code_execution": 4}, id="code"),
        pytest.param(field(7, b""), {}, id="mcp"),
    ],
)
def test_hosted_tools_are_bounded_by_the_turns(tool, fees):
    """Each turn may use each of them, and reads all of it again."""
    ask = ask_of(asked("hello", field(17, tool), field(25, 4)))
    assert dict(ask.fees) == fees
    assert (ask.loops > 1) == (not tool.startswith(field(1, field(1, "mine"))))


def test_a_tool_whose_fee_is_not_known_is_refused():
    """It cannot be bounded."""
    refused = walk("1").admit(request(asked("hello", field(17, field(11, b"")))))
    assert isinstance(refused, Refused)
    assert refused.reply.headers["grpc-status"] == "3"


@pytest.mark.parametrize("body", [b"", b"\0\0\0\0\x05ab", framed(b"\x08"), framed(b"") * 2])
def test_a_body_that_is_no_call_is_refused(body):
    """Never sent, never guessed."""
    broken = request(b"")
    broken.body = body
    with pytest.raises(FormatError):
        read_completion(broken)
    assert isinstance(walk("1").admit(broken), Refused)


def test_a_completion_is_billed_by_its_usage():
    """The reasoning is beside the completion, the total has both."""
    told = walk("1")
    used = usage(1000, 50, field(7, 400), reasoning=30)
    call = serve(told, asked(), framed(completion(used)))
    settled = call.settlement
    assert settled.usage == Usage(1000, 80, cache_read=400, reasoning=30)
    assert settled.response_id == "id-1"
    assert told.balance.spent == settled.cost_nanos == 600 * READ + 400 * CACHED + 80 * WRITTEN


def test_the_bill_in_ticks_is_what_counts():
    """10^-10 dollars each."""
    used = usage(1000, 50, field(11, 12_345))
    assert read(framed(completion(used))).billed_usd == Decimal("0.0000012345")


def test_tools_that_were_used_have_their_fees():
    """Packed and unpacked; what only reads has none."""
    used = usage(10, 5, field(9, b"\x01\x02\x02\x04"), field(9, 3))
    [charge] = read(framed(completion(used))).charges
    assert dict(charge.usage.extras) == {"web_search": 1, "x_search": 2, "code_execution": 1}


def test_of_a_stream_the_last_usage_counts():
    """Every chunk has one; it is final when there is a reason to stop."""
    told = walk("1")
    call = told.admit(request(asked(), "GetCompletionChunk"))
    call.responded(200, HEAD, streams=True)
    for number in range(1, 4):
        call.feed(framed(chunk("word ", usage(100, number))))
        assert told.balance.spent == 0
    call.feed(framed(chunk("end", usage(100, 4), stop=True)))
    assert told.balance.spent == 100 * READ + 4 * WRITTEN
    call.finish()
    assert (told.balance.spent, told.balance.held) == (100 * READ + 4 * WRITTEN, 0)


@pytest.mark.parametrize("size", [1, 3, 7, 50])
def test_any_cut_of_the_bytes_gives_the_same_bill(size):
    """The meter owns no boundaries."""
    told = walk("1")
    wire = framed(chunk("word ", usage(100, 1))) + framed(chunk("", usage(100, 2), stop=True))
    call = told.admit(request(asked(), "GetCompletionChunk"))
    call.responded(200, HEAD, streams=True)
    for start in range(0, len(wire), size):
        call.feed(wire[start : start + size])
    call.finish()
    assert told.balance.spent == 100 * READ + 2 * WRITTEN


def test_an_error_in_trailers_alone_costs_nothing():
    """HTTP's status is 200 all the same."""
    told = walk("1")
    call = told.admit(request(asked()))
    call.responded(200, {**HEAD, "grpc-status": "8"}, streams=True)
    call.finish()
    assert (told.balance.spent, told.balance.held) == (0, 0)


def test_a_deferred_completion_is_billed_when_it_is_fetched_once():
    """However often that is."""
    told = walk("1")
    serve(told, asked(), framed(field(1, "req-1")), "StartDeferredCompletion")
    assert told.balance.held > 0
    for _ in range(2):
        fetched = told.admit(request(field(1, "req-1"), "GetDeferredCompletion"))
        fetched.responded(200, HEAD)
        fetched.feed(framed(field(1, completion(usage(100, 5))) + field(2, 1)))
        fetched.finish()
        assert (told.balance.spent, told.balance.held) == (100 * READ + 5 * WRITTEN, 0)


def test_a_capped_call_is_refused_in_trailers():
    """xai-sdk raises RESOURCE_EXHAUSTED at it and does not try again."""
    refused = walk("0").admit(request(asked()))
    assert isinstance(refused, Refused)
    assert (refused.reply.status, refused.reply.headers["grpc-status"]) == (200, "8")


@pytest.mark.parametrize(
    ("path", "billing"),
    [
        ("/xai_api.Chat/GetCompletion", Billing.METERED),
        ("/xai_api.Chat/GetDeferredCompletion", Billing.DEFERRED),
        ("/xai_api.Models/ListLanguageModels", Billing.FREE),
        ("/xai_api.Image/GenerateImage", Billing.UNMETERABLE),
        ("/xai_api.Video/GenerateVideo", Billing.UNMETERABLE),
        ("/xai_api.Embedder/Embed", Billing.UNMETERABLE),
        ("/xai_api.Whatever/Comes", Billing.UNMETERABLE),
    ],
)
def test_each_service_is_known_for_what_it_does(path, billing):
    """What cannot be metered is never passed in silence."""
    provider, endpoint = match("api.x.ai", "POST", path)
    assert (provider.name, endpoint.billing, endpoint.dialect) == ("xai", billing, "grpc")


def test_a_call_is_clamped_to_what_is_left():
    """The limit is added to the message, all else of it stays."""
    told = walk("0.01")
    message = asked("hello", limit=100_000)
    call = told.admit(request(message))
    (sent,) = messages_in(call.body)
    assert sent.startswith(message)
    limit = Message(sent).count(7)
    assert 256 <= limit < 4000
    assert read_completion(request(sent)).output_limit == limit


SEARCHES = field(17, field(3, b""))
SEARCH_NANOS = 5_000_000


def test_turns_are_lowered_where_the_whole_does_not_fit():
    """The field is added to the message, whatever it said before, as the last one counts."""
    held = {}
    for turns in (1, 10):
        call = walk("100").admit(request(asked("hello", SEARCHES, field(25, turns))))
        held[turns] = call.held.hold.held_nanos
    cap = str((held[1] + held[10]) / 2e9)
    message = asked("hello", SEARCHES, field(25, 10))
    call = walk(cap, wait_seconds=0).admit(request(message))
    (sent,) = messages_in(call.body)
    assert sent.startswith(message)
    assert 1 <= Message(sent).count(25) < 10
    assert Message(sent).count(7) == 1000
    fewer = asked("hello", SEARCHES, field(25, 1))
    (kept,) = messages_in(fewer_turns(framed(fewer), 3))
    assert Message(kept).count(25) == 1


def left(*calls: bytes) -> int:
    """What a hang-up is billed when a stream has shown these calls of tools, and its tokens."""
    told = walk("100")
    call = told.admit(request(asked("hello", SEARCHES, limit=10), "GetCompletionChunk"))
    call.responded(200, HEAD, streams=True)
    told.clock.forward(seconds=1)
    delta = field(1, "word") + b"".join(field(3, each) for each in calls)
    told_used = field(6, usage(100, 1))
    head = field(1, "id-1") + field(4, MODEL)
    call.feed(framed(head + field(2, field(1, delta)) + told_used))
    call.broke("Client disconnected.", sent=True)
    return call.settlement.cost_nanos


def test_a_hang_up_costs_the_tools_that_its_stream_has_shown():
    """Those of the client, and those that were only declared, cost nothing."""
    clients = field(1, "call-1") + field(2, 1)
    begun = field(1, "call-2") + field(2, 2)
    plain = 100 * READ + 10 * WRITTEN
    assert left() == left(clients) == plain
    assert plain + SEARCH_NANOS < left(begun) < left(begun, field(1, "x") + field(2, 3))
    # A call that is told in several pieces is one.
    assert left(begun, begun) == left(begun)


def test_nothing_is_added_to_a_stream_that_is_cut():
    """Its error is in the trailers: between messages there is no place for one."""
    told = walk("0.005")
    call = told.admit(request(asked("hello", limit=1000), "GetCompletionChunk"))
    call.responded(200, HEAD, streams=True)
    wire = framed(chunk("word " * 8000, usage(100, 10)))
    assert call.feed(wire) == wire
    assert call.cut
    assert call.cut_refusal().budget
    assert told.balance.held == 0


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("us-central1-aiplatform.googleapis.com",
         "/google.cloud.aiplatform.v1.PredictionService/GenerateContent"),
        ("generativelanguage.googleapis.com",
         "/google.ai.generativelanguage.v1beta.GenerativeService/GenerateContent"),
        ("api.x.ai", "/xai_api.Image/GenerateImage"),
        ("api.x.ai", "/another.Service/Method"),
    ],
)  # fmt: skip
def test_grpc_that_we_cannot_read_is_refused_in_trailers(host, path):
    """Of any provider: its client understands no JSON, and it is never passed in silence."""
    unread = Request(method="POST", host=host, path=path, headers=HEAD, body=framed(b""))
    refused = walk("0").admit(unread)
    assert isinstance(refused, Refused)
    assert (refused.reply.status, refused.reply.headers["grpc-status"]) == (200, "3")


@pytest.mark.parametrize(
    ("model", "more", "agents"),
    [
        ("grok-4.20-multi-agent", b"", 16),
        ("grok-4.20-multi-agent", field(19, 1), 4),  # little effort
        ("grok-4.20-multi-agent", field(29, 1), 4),
        ("grok-4.20-multi-agent", field(19, 1) + field(29, 2), 16),
        (MODEL, field(29, 1), 4),
        (MODEL, field(19, 1), 1),
    ],
)
def test_each_of_several_agents_reads_and_writes(model, more, agents):
    """And uses tools: the SDK's `agent_count`, else as many as the effort asks for."""
    tool = field(17, field(3, b""))
    plain = read_completion(request(asked("hi", field(2, model), more)))
    tooled = read_completion(request(asked("hi", field(2, model), more, tool, field(25, 2))))
    assert (plain.choices, plain.loops) == (agents, agents)
    assert tooled.choices == agents
    assert tooled.fees == {"web_search": 2 * agents}
    assert (tooled.loops, tooled.tool_calls) == (2 * agents + 1, 2)


def test_neither_a_total_without_its_parts_nor_a_bill_of_nothing_is_believed():
    """What was written has a price."""
    counts = field(1, 5) + field(2, 10) + field(3, 15) + field(6, 7) + field(11, 0)
    reading = read(framed(completion(counts)))
    assert reading.billed_usd is None
    assert reading.charges[0].usage == Usage(10, 12, reasoning=7)


@pytest.mark.parametrize("ticks", [0, 7])
def test_a_bill_on_the_way_is_not_all_of_a_stream_that_breaks_off(ticks):
    """It leaves out what is still to come: what was read and written is assumed to have a price."""
    told = walk("100")
    call = told.admit(request(asked("hello", limit=10), "GetCompletionChunk"))
    call.responded(200, HEAD, streams=True)
    told.clock.forward(seconds=1)
    call.feed(framed(chunk("word", usage(100, 0, field(11, ticks)))))
    call.broke("Client disconnected.", sent=True)
    assert call.settlement.cost_nanos >= 100 * READ + WRITTEN
