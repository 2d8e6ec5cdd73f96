"""
Together AI. Images have a price per megapixel and step, machines one per hour.

https://docs.together.ai/reference
"""

from llmcap.providers.compatible import LATER, Api, compatible

PROVIDER = compatible(
    "together",
    "api.together.xyz",
    "api.together.ai",
    "api-inference.together.ai",  # where its own package sends chats
    api=Api(asks_usage=False),
    more=(
        ("POST", "/v1/images/generations", LATER),
        ("POST", "/v1/audio/speech", LATER),
        ("POST", "/v1/fine-tunes", LATER),
        ("POST", "/v1/endpoints", LATER),
        ("POST", "/v2/videos", LATER),
        ("POST", "/tci/execute", LATER),
    ),
)
