"""
Calls of Bedrock with AWS's own package, in every form; prints a JSON line for each.

`python bedrock_program.py FORM,FORM [LIMIT]`, with credentials and region from the environment.
"""

import json
import os
import sys
from typing import Any

import boto3

MODEL = "amazon.nova-lite-v1:0"
TURN = [{"role": "user", "content": [{"text": "Say something."}]}]


def converse(client: Any, limit: dict[str, int]) -> list[str]:
    """The whole answer."""
    answer = client.converse(modelId=MODEL, messages=TURN, inferenceConfig=limit)
    return [answer["output"]["message"]["content"][0]["text"]]


def converse_stream(client: Any, limit: dict[str, int]) -> list[str]:
    """The same as an event stream."""
    answer = client.converse_stream(modelId=MODEL, messages=TURN, inferenceConfig=limit)
    events = [event.get("contentBlockDelta") for event in answer["stream"]]
    return [event["delta"]["text"] for event in events if event]


def _body(limit: dict[str, int]) -> str:
    most = {"max_new_tokens": limit["maxTokens"]} if limit else {}
    return json.dumps({"messages": TURN, "inferenceConfig": most})


def invoke(client: Any, limit: dict[str, int]) -> list[str]:
    """A model's own format."""
    answer = client.invoke_model(modelId=MODEL, body=_body(limit))
    return [json.loads(answer["body"].read())["output"]["message"]["content"][0]["text"]]


def invoke_stream(client: Any, limit: dict[str, int]) -> list[str]:
    """The same as an event stream of chunks."""
    answer = client.invoke_model_with_response_stream(modelId=MODEL, body=_body(limit))
    events = [json.loads(event["chunk"]["bytes"]) for event in answer["body"]]
    found = [event.get("contentBlockDelta") for event in events]
    return [event["delta"]["text"] for event in found if event]


FORMS = {each.__name__: each for each in (converse, converse_stream, invoke, invoke_stream)}


def main() -> None:
    """One call of each form."""
    forms, *limit = sys.argv[1:]
    secret = os.environ["AWS_SECRET_ACCESS_KEY"] + os.environ.get("SPOILED", "")
    client = boto3.client("bedrock-runtime", aws_secret_access_key=secret,
                          aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"])  # fmt: skip
    for form in forms.split(","):
        print(json.dumps(called(client, form, *limit)), flush=True)


def called(client: Any, form: str, limit: str = "") -> dict[str, Any]:
    """What came of one."""
    try:
        text = "".join(FORMS[form](client, {"maxTokens": int(limit)} if limit else {}))
    except client.exceptions.ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return {"status": status, "message": str(error)}
    return {"words": len(text.split())}


if __name__ == "__main__":
    main()
