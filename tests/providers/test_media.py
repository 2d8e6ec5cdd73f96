"""Promise: pictures, sound, films and what else has a unit of its own are billed by it."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from exchanging import answer, ask, endpoint_of
from ordering import jsonl

from llmcap.bounds.media import units_of
from llmcap.providers.parts.shape import Ask, Billing, Media, Piece, Request
from llmcap.words.errors import FormatError
from llmcap.words.records import Usage

GOOGLE = "https://generativelanguage.googleapis.com/v1beta/models"
VERTEX = "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1"
VEO = "veo-3.1-generate-preview:predictLongRunning"


# --- Google's pictures and films ------------------------------------------------------------


def test_a_picture_of_imagens_is_billed_by_the_piece_at_both_of_googles_apis():
    """As many as came; four, where none are named."""
    for base in (GOOGLE, f"{VERTEX}/publishers/google/models"):
        url = f"{base}/imagen-4.0-generate-001:predict"
        assert ask(url, {"instances": [{}], "parameters": {"sampleCount": 2}}).fees == {"image": 2}
        assert ask(url, {"instances": [{}]}).fees == {"image": 4}
        reading = answer(url, {"instances": [{}]}, {"predictions": [{}, {}, {}]})
        assert reading.charges[0].usage == Usage(extras={"image": 3})


@pytest.mark.parametrize(
    ("parameters", "measures"),
    [
        ({}, {"video_second": 8}),
        ({"durationSeconds": 4, "resolution": "720p"}, {"video_second": 4}),
        (
            {"durationSeconds": "6", "resolution": "1080p", "sampleCount": 2},
            {"video_second_1080p": 12, "video_second": 12},
        ),
        ({"resolution": "4k"}, {"video_second_4k": 8, "video_second": 8}),
    ],
)
def test_a_film_of_veos_is_bounded_by_its_seconds_and_its_size(parameters, measures):
    """The price of the size, where there is one, else of all."""
    asked = ask(f"{GOOGLE}/{VEO}", {"instances": [{}], "parameters": parameters})
    assert (asked.model, asked.measures) == ("veo-3.1-generate-preview", measures)
    assert asked.deferred


def test_vertex_has_to_be_told_how_many_films():
    """Nobody says how many it makes else."""
    url = f"{VERTEX}/publishers/google/models/{VEO}"
    assert ask(url, {"parameters": {"sampleCount": 1}}).measures == {"video_second": 8}
    with pytest.raises(FormatError, match="sampleCount"):
        ask(url, {"instances": [{}]})


NAME = "models/veo-3.1-generate-preview/operations/o1"
FILMS = {
    "begun": ({"name": NAME}, False, False),
    "made": (
        {"done": True, "response": {"generateVideoResponse": {"generatedSamples": [{}]}}},
        True, False,
    ),
    "made at Vertex": ({"done": True, "response": {"videos": [{"gcsUri": "g"}]}}, True, False),
    "failed": ({"done": True, "error": {"code": 3}}, True, True),
    "filtered out": (
        {"done": True, "response": {"generateVideoResponse": {"raiMediaFilteredCount": 1}}},
        True, True,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("told", "over", "free"), FILMS.values(), ids=FILMS)
def test_a_film_that_was_not_made_is_free(told, over, free):
    """One that was costs what it was asked for."""
    url = f"https://generativelanguage.googleapis.com/v1beta/{NAME}"
    reading = answer(url, b"", {"name": NAME} | told, method="GET")
    assert (reading.response_id, reading.over, reading.complete) == (NAME, over, free)
    assert reading.charges == ()


def test_films_of_vertex_are_looked_at_with_a_post():
    """The operation is in the body."""
    url = f"{VERTEX}/publishers/google/models/veo-3.1-generate-preview:fetchPredictOperation"
    assert endpoint_of(url)[1].billing is Billing.DEFERRED


# --- OpenAI's API, and who sells what over it -----------------------------------------------

SPEECH = {"model": "canopylabs/orpheus-v1-english", "input": "Grüße", "voice": "x"}


def test_speech_names_its_characters_beside_its_tokens():
    """Which of them are billed, the price says."""
    url = "https://api.groq.com/openai/v1/audio/speech"
    asked = ask(url, SPEECH)
    assert asked.measures == {"input_character": 5}
    assert (asked.fees, asked.generates) == ({}, True)
    assert ask(url.replace("groq.com/openai", "openai.com"), SPEECH | {"model": "tts-1"}).fees == {
        "input_character": 5
    }


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        pytest.param({"input": "Say it as a cheerful person does."}, 26 // 3 + 2, id="letters"),
        pytest.param({"input": "777,777,777"}, 12, id="nine words of digits, and signs"),
        pytest.param({"input": "100 %"}, 5, id="one hundred percent"),
        pytest.param({"input": "hi", "speed": 0.25}, 4, id="slow"),
        pytest.param({"input": "hi", "speed": 0.001}, 4, id="slower than the API takes"),
        pytest.param({"input": "hi", "speed": 4}, 1, id="fast, as no bound is lowered by that"),
        pytest.param({"input": "hi", "instructions": "Very slowly."}, 4, id="in words"),
    ],
)
def test_speech_is_held_as_slow_as_it_may_be_said(fields, seconds):
    """By 21 tokens a second."""
    asked = ask("https://api.openai.com/v1/audio/speech", {"model": "gpt-4o-mini-tts", **fields})
    assert asked.output_limit == seconds * 21


def form(model: str, size: int, *, name: str = "model") -> tuple[bytes, dict[str, str]]:
    """A form with a recording."""
    body = (
        f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{model}\r\n'
        f'--B\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    ).encode() + b"?" * size + b"\r\n--B--\r\n"  # fmt: skip
    return body, {"content-type": "multipart/form-data; boundary=B"}


@pytest.mark.parametrize(("size", "seconds"), [(320_000, 10), (640_000, 20)])
def test_a_recording_is_ten_seconds_at_least_at_groq(size, seconds):
    """As it is bounded, and as it is billed."""
    url = "https://api.groq.com/openai/v1/audio/transcriptions"
    body, headers = form("whisper-large-v3-turbo", size)
    asked = replace(ask(url, body, headers=headers), attributes={})
    (heard,) = (replace(each, said="audio/l16;rate=16000") for each in asked.media)
    assert units_of(heard, seller="groq", looked=True) == seconds
    _, endpoint = endpoint_of(url)
    reader = endpoint.reader(asked)
    reader.body({"text": "hi", "duration": 2.2})
    assert reader.reading().charges[0].usage.extras == {"audio_second": 10}


def test_a_recording_names_its_seconds_beside_its_tokens():
    """A model that is sold by the second may tell tokens, which cost nothing."""
    url = "https://api.deepinfra.com/v1/openai/audio/transcriptions"
    body, headers = form("openai/some-whisper", 900)
    (heard,) = ask(url, body, headers=headers).media
    assert (heard.bytes, heard.unit, heard.beside) == (900, "audio_second", False)
    _, endpoint = endpoint_of(url)
    reader = endpoint.reader(Ask(model="m", fees={"audio_second": 2}))
    reader.body({"usage": {"input_tokens": 50, "output_tokens": 5}})
    assert not reader.reading().complete


def test_pictures_are_counted_where_their_model_is_sold_by_the_piece():
    """As many as came, whatever tokens are told beside them."""
    url = "https://api.studio.nebius.ai/v1/images/generations"
    asked = ask(url, {"model": "m", "prompt": "x", "n": 3})
    assert asked.measures == {"image": 3}
    _, endpoint = endpoint_of(url)
    reader = endpoint.reader(asked.__class__(model="m", fees={"image": 3}, generates=False))
    reader.body({"data": [{}, {}], "usage": {"input_tokens": 9, "output_tokens": 1_000}})
    assert reader.reading().charges[0].usage == Usage(extras={"image": 2})


# --- Fireworks ------------------------------------------------------------------------------

FIREWORKS = "https://api.fireworks.ai/inference/v1"


@pytest.mark.parametrize(
    ("path", "body", "measures"),
    [
        ("flux-1-schnell-fp8/text_to_image", {"num_inference_steps": 4}, (4, 1)),
        ("flux-1-dev-fp8/text_to_image", {}, (50, 1)),
        ("flux-kontext-pro", {"prompt": "x"}, (50, 1)),
        ("stable-diffusion-xl-1024-v1-0", {"steps": 30, "samples": 2}, (60, 2)),
    ],
)
def test_a_picture_of_fireworks_is_billed_by_its_steps_or_by_the_piece(path, body, measures):
    """The model is in the path; the answer is a picture."""
    group = "image_generation" if "diffusion" in path else "workflows"
    url = f"{FIREWORKS}/{group}/accounts/fireworks/models/{path}"
    asked = ask(url, body)
    assert asked.model == f"accounts/fireworks/models/{path.removesuffix('/text_to_image')}"
    assert tuple(asked.measures.values()) == measures
    _, endpoint = endpoint_of(url)
    sold = asked.__class__(model="m", fees={"image": 1})
    for told in (b"\x89PNG", json.dumps({"request_id": "r"}).encode()):
        reader = endpoint.reader(sold)
        reader.raw(len(told), {}) if told.startswith(b"\x89") else reader.body(json.loads(told))
        assert reader.reading().charges[0].usage == Usage(extras={"image": 1})
    failed = endpoint.reader(sold)
    failed.body({"error": {"code": "x"}})
    assert failed.reading().charges == ()


def test_a_picture_that_is_made_later_is_fetched_for_nothing():
    """Its price was paid when it was asked for."""
    url = f"{FIREWORKS}/workflows/accounts/fireworks/models/flux-kontext-pro/get_result"
    assert endpoint_of(url)[1].billing is Billing.FREE


# --- OpenAI's containers and stores ---------------------------------------------------------


@pytest.mark.parametrize(("limit", "sessions"), [(None, 1), ("4g", 4), ("64g", 64), ("1t", 64)])
def test_a_container_is_billed_by_its_memory(limit, sessions):
    """In sessions of the smallest; one that nobody knows is as large as the largest."""
    url = "https://api.openai.com/v1/containers"
    asked = ask(url, {"name": "c", "memory_limit": limit})
    assert (asked.model, asked.fees) == ("container", {"code_interpreter": sessions})
    made = answer(
        url, {"name": "c", "memory_limit": limit}, {"id": "cntr_1", "object": "container"}
    )
    assert made.charges[0].usage.extras == {"code_interpreter": sessions}
    assert answer(url, {"name": "c"}, {"error": {"code": "x"}}).charges == ()


def test_a_search_of_a_store_costs_a_search():
    """Whoever makes it."""
    url = "https://api.openai.com/v1/vector_stores/vs_1/search"
    assert ask(url, {"query": ["a", "b"]}).fees == {"file_search": 1}
    reading = answer(
        url, {"query": "a"}, {"object": "vector_store.search_results.page", "data": []}
    )
    assert reading.charges[0].usage.extras == {"file_search": 1}


def test_code_in_a_larger_container_costs_more():
    """By its size, and for commands as for code; those that run here cost nothing."""
    url = "https://api.openai.com/v1/responses"
    code = {"type": "code_interpreter", "container": {"type": "auto", "memory_limit": "16g"}}
    shell = {"type": "shell", "environment": {"type": "container_auto"}}
    here = {"type": "shell", "environment": {"type": "local"}}
    asked = {"model": "gpt-5", "input": "x", "max_tool_calls": 2}
    assert ask(url, asked | {"tools": [code]}).fees == {"code_interpreter": 32}
    assert ask(url, asked | {"tools": [shell]}).fees == {"code_interpreter": 2}
    assert ask(url, asked | {"tools": [here]}).fees == {}
    run = {
        "type": "shell_call",
        "environment": {"type": "container_reference", "container_id": "c"},
    }
    told = {
        "object": "response", "id": "r", "status": "completed", "model": "gpt-5", "tools": [code],
        "usage": {"input_tokens": 1, "output_tokens": 1},
        "output": [run, run, {"type": "code_interpreter_call", "container_id": "d"},
                   {"type": "shell_call", "environment": {"type": "local"}}],
    }  # fmt: skip
    (charge,) = answer(url, asked, told).charges
    assert charge.usage.extras == {"code_interpreter": 32}


# --- Mistral's batches ----------------------------------------------------------------------

MISTRAL = "https://api.mistral.ai/v1"
BODIES = {
    "chat": (
        {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 9},
        {"output_limit": 9},
    ),
    "completion": ({"prompt": "def", "max_tokens": 3}, {"output_limit": 3}),
    "pages": (
        {"document": {"document_url": "https://a.b"}, "pages": [1]},
        {"media": (Media("file", unit="page", most=1),)},
    ),
    "embeddings": ({"input": ["a", "b"]}, {"generates": False, "prompts": 2}),
}


@pytest.mark.parametrize(("body", "expected"), BODIES.values(), ids=BODIES)
def test_a_line_of_mistrals_is_known_by_its_body(body, expected):
    """It has no path; the job names the model."""
    provider, endpoint = endpoint_of(f"{MISTRAL}/files")
    request = Request(method="POST", host="api.mistral.ai", path="/v1/files")
    told = json.dumps({"custom_id": "1", "body": body}).encode()
    asked = endpoint.line(request, Piece("batch", b""), told, provider)
    assert {name: getattr(asked, name) for name in expected} == expected
    assert (asked.model, asked.terms) == ("", ("batch",))
    with pytest.raises(FormatError, match="no kind"):
        endpoint.line(request, Piece("batch", b""), b'{"body": {}}', provider)


def test_a_job_of_mistrals_orders_files_or_brings_its_calls():
    """All at one endpoint and, where they say nothing else, at one model."""
    url = f"{MISTRAL}/batch/jobs"
    job = {"endpoint": "/v1/chat/completions", "model": "mistral-small-latest"}
    filed = ask(url, job | {"input_files": ["f1", "f2"]})
    assert (filed.model, filed.files, filed.parts) == ("mistral-small-latest", ("f1", "f2"), ())
    calls = [{"custom_id": "1", "body": BODIES["chat"][0]},
             {"custom_id": "2", "body": BODIES["chat"][0] | {"model": "other"}}]  # fmt: skip
    brought = ask(url, job | {"requests": calls})
    assert [(each.model, each.output_limit) for each in brought.parts] == [
        ("mistral-small-latest", 9),
        ("other", 9),
    ]
    for broken in ({}, {"requests": calls, "endpoint": "/v1/x"}):
        with pytest.raises(FormatError):
            ask(url, job | broken)


def test_answers_of_mistrals_batches_are_in_a_file_or_in_the_job():
    """Pages too."""
    used = {"prompt_tokens": 5, "completion_tokens": 2}
    chat = {
        "object": "chat.completion",
        "model": "mistral-small-2506",
        "choices": [],
        "usage": used,
    }
    pages = {"model": "mistral-ocr-2512", "pages": [], "usage_info": {"pages_processed": 3}}
    outputs = [{"custom_id": str(number), "response": {"status_code": 200, "body": body}}
               for number, body in enumerate((chat, pages))]  # fmt: skip
    wire = jsonl(*outputs)
    filed = answer(f"{MISTRAL}/files/f/content", b"", wire, method="GET", content_type="text/plain")
    job = {"id": "j", "object": "batch", "status": "SUCCESS", "succeeded_requests": 2}
    looked = answer(f"{MISTRAL}/batch/jobs/j", b"", job | {"outputs": outputs}, method="GET")
    (inside,) = looked.others
    for reading in (filed, inside):
        assert reading.complete
        assert [charge.usage for charge in reading.charges] == [
            Usage(5, 2),
            Usage(extras={"page": 3}),
        ]
    running = answer(f"{MISTRAL}/batch/jobs/j", b"", job | {"status": "RUNNING"}, method="GET")
    assert not running.over


# --- Perplexity -----------------------------------------------------------------------------


def test_a_queued_call_of_perplexitys_tells_its_bill_when_it_is_fetched():
    """The call is inside the request, the answer inside the state."""
    url = "https://api.perplexity.ai/async/chat/completions"
    call = {"model": "sonar-deep-research", "messages": [], "max_tokens": 100}
    asked = ask(url, {"request": call})
    assert (asked.model, asked.output_limit, asked.deferred) == ("sonar-deep-research", 100, True)
    queued = answer(url, {"request": call}, {"id": "a1", "status": "CREATED"})
    assert (queued.response_id, queued.deferred) == ("a1", True)
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "cost": {"total_cost": 0.41}}
    done = {
        "id": "a1", "status": "COMPLETED",
        "response": {"id": "inner", "model": "sonar-deep-research", "usage": usage},
    }  # fmt: skip
    fetched = answer(f"{url}/a1", b"", done, method="GET")
    assert (fetched.response_id, fetched.billed_usd) == ("a1", Decimal("0.41"))
    failed = answer(f"{url}/a1", b"", {"id": "a1", "status": "FAILED"}, method="GET")
    assert (failed.complete, failed.charges, failed.error) == (True, (), "nothing_done")


def test_a_search_of_perplexitys_costs_one_for_each_query():
    """Whatever it finds."""
    url = "https://api.perplexity.ai/search"
    assert ask(url, {"query": "a"}).fees == {"request": 1}
    reading = answer(url, {"query": ["a", "b"]}, {"id": "s", "results": []})
    assert reading.charges[0].usage.extras == {"request": 2}


# --- what is ordered elsewhere at Amazon ----------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/model-invocation-job", "/model-customization-jobs", "/provisioned-model-throughput"]
)
def test_jobs_of_bedrock_are_out_of_sight(path):
    """Batches, training and machines are ordered at another host than calls."""
    url = f"https://bedrock.us-east-1.amazonaws.com{path}"
    assert endpoint_of(url)[1].billing is Billing.UNMETERABLE
    assert "metered" in endpoint_of(url)[1].advice
