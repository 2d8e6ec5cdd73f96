"""
Databricks and Snowflake: models inside a data platform, below the account's own host.

What is served has the name of another cloud's model; the price goes by the endpoint that was asked.
All else on these hosts is the platform itself.
https://docs.databricks.com/machine-learning/model-serving/score-foundation-models,
https://docs.snowflake.com/user-guide/snowflake-cortex/cortex-rest-api
"""

from dataclasses import replace

from llmcap.providers.anthropic.messages import limit_messages, read_messages
from llmcap.providers.compatible import (
    FREE,
    LATER,
    Api,
    AskedChatReader,
    AskedEmbeddingsReader,
    AskedMessagesReader,
    AskedResponsesReader,
    Read,
    compatible,
)
from llmcap.providers.openai.chat import ask_usage, read_chat
from llmcap.providers.openai.embeddings import read_embeddings
from llmcap.providers.parts.limits import MAX_TOKENS
from llmcap.providers.parts.shape import Ask, Endpoint, Request

API = Api(chat=AskedChatReader, responses=AskedResponsesReader, embeddings=AskedEmbeddingsReader)


def read_invocation(request: Request) -> Ask:
    """What an invocation of a serving endpoint asks for: the path names it."""
    body = request.document()
    read: Read = read_chat if "messages" in body or "prompt" in body else read_embeddings
    return replace(read(request), model=request.path.strip("/").split("/")[1])


INVOCATION = Endpoint(
    name="invocations",
    fields="invocations",
    read=read_invocation,
    reader=AskedChatReader,
    limit=MAX_TOKENS.lower,
    ask_usage=ask_usage,
)
COMPLETE = Endpoint(
    name="inference:complete",
    fields="cortexComplete",
    read=read_chat,
    reader=AskedChatReader,
    limit=MAX_TOKENS.lower,
)
MESSAGES = Endpoint(
    name="messages",
    fields="messages",
    read=read_messages,
    reader=AskedMessagesReader,
    limit=limit_messages,
    dialect="anthropic",
)

DATABRICKS = compatible(
    "databricks",
    "*.azuredatabricks.net",
    "*.cloud.databricks.com",
    "*.gcp.databricks.com",
    bases=("/serving-endpoints", "/serving-endpoints/v1", "/ai-gateway/mlflow/v1"),
    api=API,
    more=(
        ("POST", "/serving-endpoints/{}/invocations", INVOCATION),
        ("POST", "/serving-endpoints/anthropic/v1/messages", MESSAGES),
        # Other ways to a model behind such an endpoint, which no answer names.
        ("POST", "/serving-endpoints/**", LATER),
        ("POST", "/ai-gateway/**", LATER),
    ),
    api_only=False,
)
SNOWFLAKE = compatible(
    "snowflake",
    "*.snowflakecomputing.com",
    "*.snowflakecomputing.cn",
    bases=("/api/v2/cortex/v1",),
    api=API,
    more=(
        ("POST", "/api/v2/cortex/inference:complete", COMPLETE),
        ("POST", "/api/v2/cortex/v1/messages", MESSAGES),
        # Agents, analysts and searches, whose models no answer names.
        ("POST", "/api/v2/cortex/threads/**", FREE),
        ("POST", "/api/v2/cortex/**", LATER),
        ("POST", "/api/v2/databases/{}/schemas/{}/agents/{}:run", LATER),
        ("POST", "/api/v2/databases/{}/schemas/{}/cortex-search-services/{}:query", LATER),
    ),
    api_only=False,
)
