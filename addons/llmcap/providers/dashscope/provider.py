"""
Whose hosts they are, and the API on each: OpenAI's, Anthropic's, and DashScope's own.

A workspace has a host of its own in each region (dashscope 2.0.2, `v2/_config.py`).
"""

from dataclasses import replace

from llmcap.providers.anthropic import provider as anthropic
from llmcap.providers.anthropic.messages import read_messages
from llmcap.providers.compatible import Api, compatible
from llmcap.providers.compatible_tools import searches_once
from llmcap.providers.dashscope.modes import (
    DashscopeMessagesReader,
    DashscopeReader,
    limit_thoughtful_messages,
    limits,
    with_modes,
)
from llmcap.providers.dashscope.native import ROUTES

MESSAGES = replace(
    anthropic.MESSAGES,
    read=with_modes(read_messages),
    reader=DashscopeMessagesReader,
    limit=limit_thoughtful_messages,
)

PROVIDER = compatible(
    "dashscope",
    "dashscope.aliyuncs.com",
    "dashscope-intl.aliyuncs.com",
    "dashscope-us.aliyuncs.com",
    "dashscope-finance.aliyuncs.com",
    "cn-hongkong.dashscope.aliyuncs.com",
    "llm-*.*.maas.aliyuncs.com",
    "ws-*.*.maas.aliyuncs.com",
    # Of responses: alibabacloud.com/help/en/model-studio/openai-responses-api
    bases=("/compatible-mode/v1", "/api/v2/apps/protocols/compatible-mode/v1"),
    more=(
        ("POST", "/apps/anthropic/v1/messages", MESSAGES),
        ("POST", "/api/v2/apps/claude-code-proxy/v1/messages", MESSAGES),
        *ROUTES,
    ),
    messages=("/apps/anthropic/v1",),
    # Chats search the web once, before the model begins.
    api=Api(chat=DashscopeReader, reads=with_modes, tools=searches_once, limits=limits),
)
