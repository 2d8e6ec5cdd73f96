"""
Together AI. Images have a price per megapixel and step, machines one per hour.

https://docs.together.ai/reference
"""

from dataclasses import replace
from functools import partial

from llmcap.providers.compatible import FREE, LATER, Api, compatible
from llmcap.providers.parts.routes import routes_to

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
_free, _training = partial(routes_to, FREE), partial(routes_to, TRAINING)

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
        *_free("POST", "/v1/fine-tunes/estimate-price", "/v1/fine-tunes/preview"),
        *_free("POST", "/v1/fine-tunes/{}/cancel", "/v1/queue/cancel", "/v1/queue/clear"),
        *_free("POST", "/v1/rl/model-resources/estimate-cost", "/v1/rl/model-resources/{}/stop"),
        *_free("POST", "/v1/rl/training-sessions/{}/stop", "/v1/shaping/{}/cancel"),
        *_free("POST", "/v1/shaping/prepare-for-fp4-inference/estimate"),
        *_free("POST", "/v2/projects/{}/models", "/v2/projects/{}/models/uploads"),
        # Training, evaluations, machines and disks, by the hour or the job.
        *_training("POST", "/v1/fine-tunes", "/v1/evaluation", "/v1/queue/submit", "/tci/execute"),
        *_training("POST|PATCH", "/v1/rl/**", "/v1/shaping/**"),
        *_training("POST|PUT|PATCH", "/v1/endpoints/**", "/v1/compute/**", "/v1/deployments/**"),
        *_training("POST|PATCH", "/v2/projects/{}/endpoints/**"),
        *_free("PATCH", "/v2/projects/{}/models/{}"),
        *_free("GET|DELETE", "/v1/fine-tunes/**", "/v1/endpoints/**", "/v1/compute/**"),
        *_free("GET|DELETE", "/v1/deployments/**", "/v1/rl/**", "/v1/shaping/**", "/v2/**"),
        *_free("GET", "/v1/evaluation/**", "/v1/queue/**", "/v1/billing/**", "/v1/projects/**"),
        *_free("GET", "/v1/finetune/**", "/v1/voices/**"),
    ),
)
