"""
Together AI. Images have a price per megapixel and step, machines one per hour.

https://docs.together.ai/reference
"""

from dataclasses import replace

from llmcap.providers.compatible import FREE, LATER, Api, compatible

PICTURES = replace(
    LATER,
    name="images, sound and films of Together",
    advice="They have prices by size and step that no public price list gives for each model.",
)
TRAINING = replace(
    LATER,
    name="training and machines of Together",
    advice="Their price depends on the size of the model and the kind of training.",
)

PROVIDER = compatible(
    "together",
    "api.together.xyz",
    "api.together.ai",
    "api-inference.together.ai",  # where its own package sends chats
    api=Api(asks_usage=False),
    more=(
        ("POST", "/v1/images/generations", PICTURES),
        ("POST", "/v1/audio/speech", PICTURES),
        ("POST", "/v2/videos", PICTURES),
        ("POST", "/v1/fine-tunes", TRAINING),
        ("POST", "/v1/fine-tunes/estimate-price", FREE),
        ("POST", "/v1/endpoints", TRAINING),
        ("POST", "/tci/execute", LATER),
    ),
)
