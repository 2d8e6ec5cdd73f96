"""
What AWS has around Bedrock's models: where they are managed, trained, and put into agents.

The paths are those of botocore's service models. Settings and lists are free. What runs there calls
models, trains them or rents machines, and no answer tells what that cost.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations.html
"""

from dataclasses import replace
from functools import partial

from llmcap.providers.bedrock.hosts import hosts_of
from llmcap.providers.bedrock.profiles import PROFILES
from llmcap.providers.bedrock.provider import BEDROCK_FREE, BEDROCK_LATER, signed
from llmcap.providers.compatible import Route
from llmcap.providers.parts.routes import Routes, routes_to
from llmcap.providers.parts.shape import Provider

# Batches, training and machines work on files in Amazon's storage, or by the hour.
JOBS = replace(
    BEDROCK_LATER,
    name="jobs of Bedrock",
    advice="Send the calls to bedrock-runtime one by one: those are metered.",
)
AGENT = replace(
    BEDROCK_LATER,
    name="agents of Bedrock",
    advice="Run the agent here, over Converse: that is metered.",
)
_free, _jobs = partial(routes_to, BEDROCK_FREE), partial(routes_to, JOBS)
_agents = partial(routes_to, AGENT)

_ANY = "POST|PUT|PATCH"
_LOOKS: tuple[Route, ...] = (("GET|DELETE", "/**", BEDROCK_FREE),)


def _around(name: str, *services: str, routes: tuple[Route, ...]) -> Provider:
    return Provider(
        name=name,
        hosts=hosts_of(*services),
        match=Routes((*routes, *_LOOKS)),
        dialect="bedrock",
        prices="aws-bedrock",
        signed=signed,
    )


CONTROL = _around(
    "aws-bedrock-control",
    "bedrock",
    routes=(
        *_jobs("POST", "/model-invocation-job", "/model-customization-jobs", "/model-import-jobs"),
        *_jobs("POST", "/model-evaluation-jobs", "/evaluation-jobs", "/model-copy-jobs"),
        *_jobs("POST", "/advanced-prompt-optimization-jobs", "/custom-models/create-custom-model"),
        *_jobs("POST|PATCH", "/provisioned-model-throughput/**", "/marketplace-model/endpoints/**"),
        *_jobs("POST|PATCH", "/model-customization/custom-model-deployments/**"),
        *_jobs("POST", "/automated-reasoning-policies/{}/build-workflows/{}/start"),
        *_jobs("POST", "/automated-reasoning-policies/{}/build-workflows/{}/test-workflows"),
        *_free("POST", "/model-invocation-job/{}/stop", "/model-customization-jobs/{}/stop"),
        *_free("POST", "/evaluation-job/{}/stop", "/evaluation-jobs/batch-delete"),
        *_free("POST", "/advanced-prompt-optimization-jobs/{}/stop"),
        *_free("POST", "/advanced-prompt-optimization-job/batch-delete"),
        *_free("POST|PATCH", "/automated-reasoning-policies/**"),
        *_free("POST|PUT", "/guardrails/**", "/resource-policy", "/use-case-for-model-access"),
        *routes_to(PROFILES, "GET|POST", "/inference-profiles", "/prompt-routers"),
        *routes_to(PROFILES, "GET", "/inference-profiles/**", "/prompt-routers/**"),
        *_free("POST", "/create-foundation-model-agreement", "/delete-foundation-model-agreement"),
        *_free("POST", "/listTagsForResource", "/tagResource", "/untagResource"),
        *_free("PUT", "/data-retention", "/enforcedGuardrailsConfiguration"),
        *_free("PUT", "/logging/modelinvocations"),
    ),
)

# Agents and knowledge bases: models that they call are billed, and no answer tells which.
AGENTS = _around(
    "aws-bedrock-agents",
    "bedrock-agent-runtime",
    "bedrock-agentcore",
    routes=(
        *_free(_ANY, "/sessions/**", "/tags/**", "/identities/**"),
        *_free("POST", "/browsers/{}/sessions/list", "/code-interpreters/{}/sessions/list"),
        *_free("POST", "/flows/{}/aliases/{}/executions/{}/stop"),
        *_free("POST", "/evaluations/batch-evaluate/{}/stop"),
        *_free("POST", "/runtimes/{}/stopruntimesession"),
        *_agents(_ANY, "/**"),
    ),
)

# Where agents and knowledge bases are made. What goes into a knowledge base is embedded.
BUILDING = _around(
    "aws-bedrock-agent-building",
    "bedrock-agent",
    routes=(
        *_jobs("PUT", "/knowledgebases/{}/datasources/{}/ingestionjobs"),
        *_jobs("PUT", "/knowledgebases/{}/datasources/{}/documents"),
        *_free(_ANY, "/agents/**", "/flows/**", "/knowledgebases/**", "/prompts/**", "/tags/**"),
        *_free(_ANY, "/retrievalinstructions/**", "/resourcepolicy/**"),
    ),
)
CORE_BUILDING = _around(
    "aws-bedrock-agentcore-control",
    "bedrock-agentcore-control",
    routes=(
        # Judges that run by themselves, policies that a model writes, machines by the hour.
        *_agents(_ANY, "/online-evaluation-configs/**", "/capacity-providers/**"),
        *_agents("POST", "/policy-engines/{}/policy-generations"),
        *_free(_ANY, "/agent-insight-stores/**", "/browser-profiles/**", "/browsers/**"),
        *_free(_ANY, "/code-interpreters/**", "/configuration-bundles/**", "/datasets/**"),
        *_free(_ANY, "/evaluators/**", "/gateways/**", "/harnesses/**", "/identities/**"),
        *_free(_ANY, "/memories/**", "/payments/**", "/policy-engines/**", "/registries/**"),
        *_free(_ANY, "/resourcepolicy/**", "/runtimes/**", "/tags/**"),
    ),
)

# Documents, pictures, sound and film, by the page or the minute.
DATA_AUTOMATION = _around(
    "aws-bedrock-data-automation",
    "bedrock-data-automation",
    "bedrock-data-automation-runtime",
    routes=(
        ("POST", "/", BEDROCK_LATER),
        ("POST", "/invokeBlueprintOptimizationAsync", BEDROCK_LATER),
        ("PUT", "/data-automation-libraries/{}/library-ingestion-jobs", BEDROCK_LATER),
        *_free(_ANY, "/blueprints/**", "/data-automation-projects/**"),
        *_free(_ANY, "/data-automation-libraries/**"),
        *_free("POST", "/getBlueprintOptimizationStatus/{}"),
        *_free("POST", "/listTagsForResource", "/tagResource", "/untagResource"),
    ),
)

AROUND = (CONTROL, AGENTS, BUILDING, CORE_BUILDING, DATA_AUTOMATION)
