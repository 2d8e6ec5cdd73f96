"""
Fine-tuning as OpenAI sells it: by the tokens of the training file, once for each epoch.

The job tells what it billed when it has succeeded, as `trained_tokens`. One whose file was not
valid never began; any other that failed or was stopped tells nothing, and costs what it held.
Reinforcement is billed by the hour, and its graders by their tokens: it cannot be bounded.
https://platform.openai.com/docs/api-reference/fine-tuning/object
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import override

from llmcap.providers.openai.chat import attributes_of
from llmcap.providers.openai.files import TUNING
from llmcap.providers.parts.orders import NOTHING_DONE, OrderReader, with_lots
from llmcap.providers.parts.reader import count, document, documents, text, times
from llmcap.providers.parts.shape import Ask, Document, Request, Work
from llmcap.words.errors import FormatError
from llmcap.words.records import Charge, Reading, Usage

UNIT = "training_token"

# The most epochs that OpenAI chooses itself, for the smallest of files: cookbook.openai.com, "Data
# preparation and analysis for chat model fine-tuning" (MAX_DEFAULT_EPOCHS).
EPOCHS_DEFAULT_MAX = 25

_METHODS = ("supervised", "dpo")
_ENDED = ("succeeded", "failed", "cancelled")
_FILES = ("training_file", "validation_file")


def read_job(request: Request) -> Ask:
    """What a request to train a model asks for: so many epochs of its file."""
    body = request.document()
    method = document(body.get("method"))
    kind = text(method.get("type")) or _METHODS[0]
    if kind not in _METHODS:
        raise FormatError(f"{kind} fine-tuning is billed by its time, which nobody can tell before")
    file_id = text(body.get("training_file"))
    if not file_id:
        raise FormatError("it names no training_file")
    parameters = document(document(method.get(kind)).get("hyperparameters")) or document(
        body.get("hyperparameters")
    )
    return Ask(
        model=base_model(text(body.get("model"))),
        files=(file_id,),
        passes=_epochs(parameters.get("n_epochs")) or EPOCHS_DEFAULT_MAX,
        generates=False,
        hidden_work=False,
        deferred=True,
        attributes=attributes_of(body),
    )


def _epochs(value: object) -> int:
    return 0 if value == "auto" else times(value)


def base_model(model: str) -> str:
    """The model that is trained: a tuned one goes on from there at the same price."""
    return model.split(":")[1] if model.startswith("ft:") and ":" in model[3:] else model


def order_training(ask: Ask, works: Sequence[Work]) -> Ask:
    """All the tokens of its file, once for each epoch."""
    for work in works:
        if work.purpose != TUNING:
            raise FormatError(f"the file was uploaded for {work.purpose}, not for fine-tuning")
    passes = ask.passes
    return with_lots(
        ask,
        (
            replace(
                lot, model=ask.model, unit=UNIT, read=lot.read * passes,
                counted=lot.counted * passes, windows=lot.windows * passes,
            )
            for work in works for lot in work.lots
        ),
    )  # fmt: skip


class JobReader(OrderReader):
    """A job as it was made, or as it is; or a list of them."""

    tells = "tokens trained on"

    @override
    def told(self, document: Document) -> list[Reading]:
        """Each job of them."""
        listed = document.get("data")
        jobs = documents(listed) if isinstance(listed, list) else [document]
        return [each for job in jobs if (each := job_reading(job)) is not None]


def job_reading(job: Document) -> Reading | None:
    """What a job tells; None for what is none."""
    name = text(job.get("id"))
    if not name or job.get("object") not in ("fine_tuning.job", None):
        return None
    status = text(job.get("status")).lower()
    model = text(job.get("model"))
    trained = count(job.get("trained_tokens"))
    ended = status in _ENDED
    charges = (Charge(model, Usage(extras={UNIT: trained})),) if ended and trained else ()
    free = status == "failed" and not trained and _not_valid(document(job.get("error")))
    return Reading(
        charges=charges,
        complete=bool(charges) or free,
        model=model or None,
        response_id=name,
        error=NOTHING_DONE if free else None,
        over=ended,
    )


def _not_valid(error: Mapping[str, object]) -> bool:
    return error.get("param") in _FILES
