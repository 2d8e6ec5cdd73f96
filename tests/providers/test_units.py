"""Promise: what is billed by pages, seconds, characters or searches is counted so."""

import base64
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from exchanging import answer, ask, endpoint_of, stream

from llmcap.bounds.media import by_tokens, in_units, unit_bound
from llmcap.pricing import PriceBook
from llmcap.providers import match
from llmcap.providers.parts.shape import Billing, Media
from llmcap.words.records import Bounded

OCR = PriceBook().find("mistral", "mistral-ocr-latest", datetime(2026, 11, 1, tzinfo=UTC))

MISTRAL = "https://api.mistral.ai/v1"
COHERE = "https://api.cohere.com"


# --- Mistral --------------------------------------------------------------------------------


def test_sound_is_billed_by_the_second_and_not_by_its_tokens():
    """They are in the total only, and cost nothing."""
    usage = {
        "prompt_tokens": 11, "completion_tokens": 15, "total_tokens": 401,
        "prompt_audio_seconds": 5, "prompt_tokens_details": {"audio_tokens": 375},
    }  # fmt: skip
    part = {"type": "input_audio", "input_audio": base64.b64encode(bytes(30_000)).decode()}
    asked = {"model": "voxtral-small-latest", "messages": [{"role": "user", "content": [part]}]}
    (charge,) = answer(
        f"{MISTRAL}/chat/completions", asked, {"model": "voxtral-small-latest", "usage": usage}
    ).charges
    assert charge.usage.extras == {"audio_second": 5}
    assert (charge.usage.input_tokens, charge.usage.input_audio) == (11, 0)
    asks = ask(f"{MISTRAL}/chat/completions", asked)
    (sound,) = asks.media
    assert (sound.kind, sound.bytes, sound.unit, sound.beside) == (
        "audio", 30_000, "audio_second", True
    )  # fmt: skip
    assert asks.text_bytes < 1_000


@pytest.mark.parametrize(
    ("asked", "fees"),
    [
        ({"document": {"document_url": "https://a.b/c.pdf"}}, {"page": 1_000}),
        ({"document": {"type": "file", "file_id": "0a-b"}}, {"page": 1_000}),
        ({"document": "https://a.b/c.pdf"}, {"page": 1_000}),
        ({"document": {"image_url": "https://a.b/c.png"}}, {"page": 1}),
        ({"document": {"document_url": "https://a.b/c.pdf"}, "pages": [0, 1]}, {"page": 2}),
        ({"document": {}, "pages": [0], "bbox_annotation_format": {}}, {"page": 1}),
        ({"document": {}, "pages": [0], "bbox_annotation_format": {"a": 1}}, {"annotated_page": 1}),
    ],
)
def test_a_document_is_billed_by_its_pages(asked, fees):
    """More where they are annotated; all it may have where nobody says how many."""
    asked = {"model": "mistral-ocr-latest", **asked}
    assert in_units(ask(f"{MISTRAL}/ocr", asked), OCR, looked=True).fees == fees
    told = {"model": "mistral-ocr-latest", "usage_info": {"pages_processed": 3}}
    (charge,) = answer(f"{MISTRAL}/ocr", asked, told).charges
    assert charge.usage.extras == {next(iter(fees)): 3}


def test_a_conversation_reads_what_its_connectors_find():
    """And pays a fee for each of their runs."""
    usage = {
        "prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 5_110,
        "connector_tokens": 5_000, "connectors": {"web_search": 2},
    }  # fmt: skip
    url = f"{MISTRAL}/conversations"
    asked = {"model": "mistral-medium-latest", "inputs": "hi", "tools": [{"type": "web_search"}]}
    reading = stream(
        url, {**asked, "stream": True}, {"type": "conversation.response.done", "usage": usage}
    )
    assert reading.complete
    assert reading.charges[0].usage.input_tokens == 5_100
    assert reading.charges[0].usage.extras == {"web_search": 2}
    assert ask(url, asked).fees == {"web_search": 10}
    continued = ask(f"{url}/conv_1", asked)
    assert (continued.remote_input, continued.previous_id) == (True, "conv_1")


def test_speech_of_mistrals_is_billed_by_its_text():
    """The answer is sound in JSON."""
    asked = {"model": "voxtral-mini-tts-latest", "input": "Grüße"}
    reading = answer(f"{MISTRAL}/audio/speech", asked, {"audio_data": "SUQz"})
    assert reading.charges[0].usage.extras == {"input_character": 5}
    failed = answer(f"{MISTRAL}/audio/speech", asked, {"error": {"code": "x"}})
    assert (failed.charges, failed.error) == ((), "x")


# --- Cohere ---------------------------------------------------------------------------------

UNITS = {
    "billed_units": {"input_tokens": 8, "output_tokens": 50},
    "tokens": {"input_tokens": 1_394, "output_tokens": 55, "reasoning_tokens": 38},
}


@pytest.mark.parametrize(
    "told",
    [
        pytest.param({"id": "1", "usage": UNITS}, id="version 2"),
        pytest.param({"generation_id": "1", "meta": UNITS}, id="version 1"),
    ],
)
def test_billed_units_are_billed_and_tokens_are_not(told):
    """The tokens hold a preamble of Cohere's own."""
    (charge,) = answer(f"{COHERE}/v2/chat", {"model": "command-a-03-2025"}, told).charges
    assert (charge.usage.input_tokens, charge.usage.output_tokens) == (8, 50)
    assert charge.usage.reasoning == 38


def test_both_streams_of_coheres_end_with_the_bill():
    """Server-sent events, and JSON lines."""
    asked = {"model": "command-a-03-2025", "stream": True}
    events = stream(
        f"{COHERE}/v2/chat",
        asked,
        {"type": "content-delta", "delta": {"message": {"content": {"text": "hi"}}}},
        {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": UNITS}},
    )
    lines = answer(
        f"{COHERE}/v1/chat",
        asked,
        b'{"event_type":"text-generation","text":"hi"}\n{"event_type":"stream-end",'
        b'"response":{"meta":{"billed_units":{"input_tokens":8,"output_tokens":50}}}}\n',
        content_type="application/stream+json",
    )
    assert (events.complete, lines.complete) == (True, True)
    assert events.visible_bytes == lines.visible_bytes == 2
    assert events.charges[0].usage.output_tokens == lines.charges[0].usage.output_tokens == 50


def test_searches_and_images_of_coheres_have_units_of_their_own():
    """And a bound: long documents count as several."""
    asked = {"model": "rerank-v3.5", "query": "q", "documents": ["short"] * 250}
    assert ask(f"{COHERE}/v2/rerank", asked).fees == {"search_unit": 3}
    told = {"meta": {"billed_units": {"search_units": 3}}}
    assert answer(f"{COHERE}/v2/rerank", asked, told).charges[0].usage.extras == {"search_unit": 3}
    images = {"model": "embed-v4.0", "images": ["data:image/png;base64,AAAA"]}
    (image,) = ask(f"{COHERE}/v2/embed", images).media
    assert (image.kind, image.unit, image.beside) == ("image", "input_image_item", True)


# --- pictures and films that are embedded ---------------------------------------------------

A_PICTURE = "https://example.com/a.png"
A_FILM = "https://example.com/a.mp4"
BEDROCK = "https://bedrock-runtime.us-east-1.amazonaws.com/model"
VERTEX = (
    "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/publishers/"
    "google/models/multimodalembedding@001:predict"
)
EMBEDDED = {
    "Voyage, a picture": (
        "https://api.voyageai.com/v1/multimodalembeddings",
        {"inputs": [{"content": [{"type": "image_url", "image_url": A_PICTURE}]}]},
        ("image", "input_pixel"),
    ),
    "Voyage, a film": (
        "https://api.voyageai.com/v1/multimodalembeddings",
        {"inputs": [{"content": [{"type": "video_url", "video_url": A_FILM}]}]},
        ("video", "input_pixel"),
    ),
    "Cohere, among texts": (
        f"{COHERE}/v2/embed",
        {"inputs": [{"content": [{"type": "image_url", "image_url": {"url": A_PICTURE}}]}]},
        ("image", "input_image_item"),
    ),
    "Titan": (
        f"{BEDROCK}/amazon.titan-embed-image-v1/invoke",
        {"inputText": "a", "inputImage": "iVBORw0KGgo" * 20},
        ("image", "input_image_item"),
    ),
    "Nova, a film in a bucket": (
        f"{BEDROCK}/amazon.nova-2-multimodal-embeddings-v1:0/invoke",
        {"singleEmbeddingParams": {"video": {"source": {"s3Location": {"uri": "s3://b/a"}}}}},
        ("video", "input_video_second"),
    ),
    "Vertex": (
        VERTEX,
        {"instances": [{"text": "a", "image": {"gcsUri": "gs://b/a"}}]},
        ("image", "input_image_item"),
    ),
    "Jina": (
        "https://api.jina.ai/v1/embeddings",
        {"input": [{"image": A_PICTURE}, {"text": "a"}]},
        ("image", ""),
    ),
}


@pytest.mark.parametrize(("url", "asked", "expected"), EMBEDDED.values(), ids=EMBEDDED)
def test_what_is_embedded_besides_text_is_billed_by_the_piece(url, asked, expected):
    """Where its model has a price for that; no picture is a line of text."""
    (found,) = ask(url, {"model": "m", **asked}).media
    assert (found.kind, found.unit) == expected


def test_a_document_has_a_fee_by_the_page_beside_its_tokens_at_a_router():
    """Which takes it apart for a model that reads none: by Mistral's pages."""
    part = {"type": "file", "file": {"file_data": "https://example.com/a.pdf"}}
    asked = {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": [part]}]}
    found = ask("https://openrouter.ai/api/v1/chat/completions", asked)
    price = PriceBook().find("openrouter", "openai/gpt-4o", datetime(2026, 11, 30, tzinfo=UTC))
    held = in_units(found, price, looked=True)
    assert held.fees["parsed_page"] == 1_000
    assert by_tokens(held) == held.media


# --- rankers, voices, predictions -----------------------------------------------------------


@pytest.mark.parametrize("host", ["api.voyageai.com", "ai.mongodb.com", "api.jina.ai"])
def test_embeddings_and_rankings_by_their_total(host):
    """It is all that these tell."""
    told = {"model": "m", "usage": {"total_tokens": 43}}
    for path, asked in (
        ("/v1/embeddings", {"input": ["a", "b"]}),
        ("/v1/rerank", {"query": "q", "documents": ["a", "b"]}),
    ):
        (charge,) = answer(f"https://{host}{path}", {"model": "m", **asked}, told).charges
        assert charge.usage.input_tokens == 43


def test_the_query_of_a_ranking_is_read_with_each_document():
    """Otherwise the bound would be too low for a long query."""
    asked = {"model": "m", "query": "q" * 1_000, "documents": ["a"] * 50}
    assert ask("https://api.jina.ai/v1/rerank", asked).text_bytes > 50_000


def test_a_transcript_is_billed_by_the_second_of_each_channel():
    """Deepgram tells both; a URL may be hours long."""
    url = "https://api.deepgram.com/v1/listen?model=nova-3-general"
    told = {"metadata": {"duration": 25.933313, "channels": 2}}
    (charge,) = answer(url, b"RIFF", told).charges
    assert charge.usage.extras == {"audio_second": Decimal("51.866626")}
    remote = ask(url, {"url": "https://a.b/c.wav"}, headers={"content-type": "application/json"})
    assert (remote.model, remote.media) == (
        "nova-3-general", (Media("audio", unit="audio_second"),)
    )  # fmt: skip
    raw = f"{url}&encoding=linear16&sample_rate=8000&channels=2&multichannel=true"
    (sent,) = ask(raw, bytes(64_000)).media
    assert unit_bound(sent, seller="deepgram", looked=True) == Bounded(4, "its length")


def test_speech_is_billed_by_the_character_that_the_head_counts():
    """ElevenLabs halves some; without its word the text's own are."""
    url = "https://api.elevenlabs.io/v1/text-to-speech/voice"
    asked = {"text": "Hello", "model_id": "eleven_flash_v2_5"}
    sound = {"told": b"ID3", "content_type": "audio/mpeg"}
    plain = answer(url, asked, **sound)
    assert plain.charges[0].usage.extras == {"input_character": 5}
    halved = answer(url, asked, headers={"character-cost": "3"}, **sound)
    assert halved.charges[0].usage.extras == {"input_character": 3}


def test_a_prediction_is_billed_when_it_is_fetched():
    """By its tokens, else by the seconds that its machine ran."""
    begun = {"id": "p1", "model": "meta/llama", "status": "starting"}
    url = "https://api.replicate.com/v1/models/meta/llama/predictions"
    reading = answer(url, {"input": {"prompt": "hi", "max_tokens": 9}}, begun)
    assert (reading.deferred, reading.response_id) == (True, "p1")
    assert ask(url, {"input": {"max_tokens": 9}}).model == "meta/llama"
    done = {**begun, "status": "succeeded", "metrics": {"predict_time": 2.5}}
    fetched = answer("https://api.replicate.com/v1/predictions/p1", b"", done, method="GET")
    assert fetched.charges[0].usage.extras == {"compute_second": Decimal("2.5")}
    done["metrics"] |= {"input_token_count": 4, "output_token_count": 6}
    fetched = answer("https://api.replicate.com/v1/predictions/p1", b"", done, method="GET")
    assert (fetched.charges[0].usage.input_tokens, fetched.charges[0].usage.extras) == (4, {})


# --- this machine ---------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_model_on_this_machine_is_metered_at_no_price(host):
    """By its path alone, as it may stand on any port."""
    url = f"http://{host}:11434/api/chat"
    lines = (
        b'{"model":"gemma3","message":{"content":"hi"},"done":false}\n'
        b'{"model":"gemma3","done":true,"prompt_eval_count":20,"eval_count":55}\n'
    )
    reading = answer(url, {"model": "gemma3"}, lines, content_type="application/x-ndjson")
    assert endpoint_of(url)[0].price_key == "local"
    assert reading.complete
    assert reading.charges[0].usage.output_tokens == 55


def test_an_application_on_this_machine_is_left_alone():
    """Unknown paths are nobody's, and what cannot be read of known ones is not refused."""
    assert match("localhost", "POST", "/api/login") is None
    assert match("localhost", "POST", "/v1/batches") is None
    assert match("192.168.1.20", "POST", "/api/chat") is None
    assert ask("http://localhost:3000/api/chat", b"not JSON").model == ""
    assert endpoint_of("http://localhost/api/chat")[1].billing is Billing.METERED
