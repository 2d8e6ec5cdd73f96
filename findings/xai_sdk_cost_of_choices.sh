#!/bin/sh
# xAI's SDK gives each of n choices the cost of the whole call: added up, as it advises, one call costs n times.
#
# Guess: the costs of the n responses of sample_batch(n) add up to what the call cost; `cost_usd` tells to add them up.
# Seen:  a call of four choices for $0.001 gives four responses of $0.001 and of all 40 tokens each: $0.004.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check xai-sdk==1.21.0
cat >"$folder/seen.py" <<'END'
import importlib.metadata
import sys
import warnings
from concurrent import futures

import grpc
from xai_sdk import Client
from xai_sdk.chat import user
from xai_sdk.proto import chat_pb2, chat_pb2_grpc, sample_pb2

TICKS_PER_USD = 10**10
CHOICES = 4


class Provider(chat_pb2_grpc.ChatServicer):
    """Ten tokens a choice; the usage and the cost are the call's, as in xAI's protocol."""

    def GetCompletion(self, request, context):
        answer = chat_pb2.GetChatCompletionResponse(id="r", model=request.model)
        for index in range(request.n or 1):
            output = answer.outputs.add(index=index, finish_reason=sample_pb2.REASON_STOP)
            output.message.role = chat_pb2.ROLE_ASSISTANT
            output.message.content = "x"
        answer.usage.prompt_tokens = 100
        answer.usage.completion_tokens = 10 * len(answer.outputs)
        answer.usage.cost_in_usd_ticks = TICKS_PER_USD // 1000
        return answer


server = grpc.server(futures.ThreadPoolExecutor(2))
chat_pb2_grpc.add_ChatServicer_to_server(Provider(), server)
port = server.add_insecure_port("127.0.0.1:0")
server.start()

warnings.simplefilter("ignore", PendingDeprecationWarning)
client = Client(api_key="none", api_host=f"127.0.0.1:{port}", use_insecure_channel=True)
chat = client.chat.create(model="grok-4")
chat.append(user("hello"))
responses = chat.sample_batch(CHOICES)
server.stop(None)

costs = [round(response.cost_usd, 6) for response in responses]
tokens = [response.usage.completion_tokens for response in responses]
print("xai-sdk", importlib.metadata.version("xai-sdk"))
print("billed: one call of 40 tokens for $0.001")
print(f"told:   {costs}, added up ${sum(costs):.3f}; tokens {tokens}, added up {sum(tokens)}")
sys.exit((costs, tokens) != ([0.001] * CHOICES, [40] * CHOICES))
END
"$folder/venv/bin/python" "$folder/seen.py"
