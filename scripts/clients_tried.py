"""Which clients are tried by `scripts/works_with`, where they come from, and how they are asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

PROMPT = "Say hello."

# Files in the client's home, where it takes its settings from nothing else.
KIMI = """\
default_model = "m"
[providers.p]
type = "openai_legacy"
base_url = "https://api.openai.com/v1"
api_key = "sk-fake"
[models.m]
provider = "p"
model = "gpt-4o-mini"
max_context_size = 128000
"""
CONTINUE = """\
name: t
version: 1.0.0
schema: v1
models:
  - {{name: m, provider: {api}, model: {model}, apiKey: sk-fake}}
"""
OPENAI_URL = ("--openai-base-url", "https://api.openai.com/v1")
QWEN = {
    "ANTHROPIC_BASE_URL": "https://api.anthropic.com", "ANTHROPIC_MODEL": "claude-haiku-4-5",
}  # fmt: skip

PROMPTFOO = """\
prompts: [Say hello.]
providers: [openai:gpt-4o-mini]
tests: [{vars: {}}]
"""

# Programs of ours that hold a session over a WebSocket.
TALKS = ("realtime_program.py", "openai_voice_program.py", "live_program.py")

# Programs that run JavaScript in place of Node, as npm has them.
RUNTIMES = ("npm:bun", "npm:deno")


@dataclass(frozen=True, slots=True)
class Tried:
    """
    One client, asked in one way.

    `command` begins with a program of its installation; `{here}` is the folder of our programs that
    use a library, `{home}` that of its settings. The first package has the version that is told.
    """

    name: str
    packages: tuple[str, ...]
    command: tuple[str, ...]
    python: str = ""  # the version of Python that it needs; "": ours
    files: Mapping[str, str] = MappingProxyType({})
    callers: int = 1  # agents of its own, each of which may ask
    known: str = ""  # why it does not keep to what is promised
    environ: Mapping[str, str] = field(default_factory=dict)
    talks: bool = False  # whether it is asked over a WebSocket

    @property
    def on_node(self) -> bool:
        """Whether it comes from npm."""
        return self.packages[0].startswith("npm:")

    @property
    def folder(self) -> str:
        """Where it is installed; what is asked in several ways is installed once."""
        runtimes = [each for each in self.packages[1:] if each in RUNTIMES]
        name = "-".join(each.removeprefix("npm:") for each in (self.packages[0], *runtimes))
        return "".join(c if c.isalnum() else "-" for c in name)


def _js(
    name: str, packages: tuple[str, ...], program: str, *ways: str, known: str = ""
) -> list[Tried]:
    """A library for Node, asked in these ways by a program of ours."""
    named = tuple(f"npm:{package}" for package in packages)
    return [
        Tried(
            f"{name}, {way}" if way else name,
            named,
            ("node", f"{{here}}/{program}", *way.split()),
            known=known,
        )
        for way in ways
    ]


def _py(name: str, packages: tuple[str, ...], program: str, *ways: str, **more: str) -> list[Tried]:
    """The same for Python."""
    return [
        Tried(
            f"{name}, {way}" if way else name,
            packages,
            ("python", f"{{here}}/{program}", *way.split()),
            known=more.get("known", ""),
            talks=program in TALKS,
        )
        for way in ways
    ]


def _runtime(name: str, packages: tuple[str, ...], program: str, *ways: str) -> list[Tried]:
    """The same library for Node, run by Bun and by Deno, which have a `fetch` of their own."""
    runtimes = {"Bun": ("bun", "bun"), "Deno": ("deno", "deno", "run", "--allow-all")}
    return [
        Tried(
            f"{name} on {runtime}, {way}",
            tuple(f"npm:{package}" for package in (*packages, made_by)),
            (*command, f"{{here}}/{program}", *way.split()),
        )
        for runtime, (made_by, *command) in runtimes.items()
        for way in ways
    ]


CREWS = "its agents do every task three times, whatever went wrong (`max_retry_limit`)"
_AI = ("generate openai", "stream openai", "generate anthropic", "stream anthropic")
_LANGCHAIN = ("langchain-openai", "langchain-google-genai", "langchain-anthropic")
_CHAINS = tuple(f"{how} {api}" for api in ("openai", "google") for how in ("invoke", "stream"))
_CLAUDE = ("invoke anthropic", "stream anthropic")
_ANTHROPIC = ("whole anthropic", "stream anthropic")
_WHOLE_STREAM, _RUN_STREAM = ("whole", "stream"), ("run", "stream")
_AGENTS = tuple(f"{how} {api}" for api in ("responses", "chat") for how in _RUN_STREAM)
_MODELS = ("openai/gpt-4o-mini", "anthropic/claude-haiku-4-5", "gemini/gemini-2.5-flash")
_LITELLM = tuple(f"{how} {model}" for model in _MODELS for how in _WHOLE_STREAM)
_TO = ("openai:gpt-4o-mini", "anthropic:claude-haiku-4-5")
_APIS = ("openai", "anthropic")

TRIED: tuple[Tried, ...] = (
    *_js("`ai` 7", ("ai@7", "@ai-sdk/openai@4", "@ai-sdk/anthropic@4"), "vercel.mjs", *_AI),
    *_js("`ai` 6", ("ai@6", "@ai-sdk/openai@3", "@ai-sdk/anthropic@3"), "vercel.mjs", *_AI),
    *_js(
        "LangChain.js",
        ("@langchain/core", "@langchain/openai", "@langchain/google-genai"),
        "langchain.mjs",
        *_CHAINS,
    ),
    *_js("@google/genai with retries", ("@google/genai",), "genai.mjs", "generate"),
    *_py("LangChain", _LANGCHAIN, "langchain_program.py", *_CHAINS, *_CLAUDE),
    *_py(
        "Pydantic AI",
        ("pydantic-ai-slim", "openai", "anthropic"),
        "pydantic_ai_program.py",
        "run openai:gpt-4o-mini",
        "stream openai:gpt-4o-mini",
        "run anthropic:claude-haiku-4-5",
        "stream anthropic:claude-haiku-4-5",
    ),
    *_py(
        "LlamaIndex", ("llama-index-llms-openai",), "llama_index_program.py", "complete", "stream"
    ),
    *_py(
        "DSPy", ("dspy",), "dspy_program.py",
        "openai/gpt-4o-mini", "anthropic/claude-haiku-4-5",
        "openai/gpt-4o-mini stream", "anthropic/claude-haiku-4-5 stream",
    ),
    *_js("openai npm", ("openai",), "sdk.mjs", "whole openai", "stream openai"),
    *_js("Anthropic's npm", ("@anthropic-ai/sdk",), "sdk.mjs", *_ANTHROPIC),
    *_runtime("openai npm", ("openai",), "sdk.mjs", "whole openai", "stream openai"),
    *_runtime("Anthropic's npm", ("@anthropic-ai/sdk",), "sdk.mjs", *_ANTHROPIC),
    *_runtime("`ai`", ("ai", "@ai-sdk/openai", "@ai-sdk/anthropic"), "vercel.mjs", *_AI),
    *_py("OpenAI Agents", ("openai-agents",), "openai_agents_program.py", *_AGENTS),
    *_py(
        "Instructor", ("instructor[anthropic]",), "instructor_program.py",
        "openai/gpt-4o-mini", "anthropic/claude-haiku-4-5",
    ),
    *_py("Semantic Kernel", ("semantic-kernel",), "semantic_kernel_program.py", *_WHOLE_STREAM),
    *_py("Haystack", ("haystack-ai",), "haystack_program.py", *_RUN_STREAM),
    *_py(
        "AutoGen", ("autogen-agentchat", "autogen-ext[openai]"), "autogen_program.py",
        *_RUN_STREAM,
    ),
    *_py("Google ADK", ("google-adk",), "google_adk_program.py", *_RUN_STREAM),
    *_py("LiteLLM", ("litellm",), "litellm_program.py", *_LITELLM),
    *_py(
        "chatlas", ("chatlas", *_APIS, "google-genai"), "chatlas_program.py", *_APIS, "google"
    ),
    *_py(
        "Inspect", ("inspect-ai", "openai", "anthropic"), "inspect_program.py",
        "openai/gpt-4o-mini", "anthropic/claude-haiku-4-5",
        known="it pauses for 3 to 6 seconds of its own before it asks again",
    ),
    *_py("Magentic", ("magentic",), "magentic_program.py", ""),
    *_py(
        "Strands Agents", ("strands-agents[openai,anthropic]",), "strands_program.py",
        "openai", "anthropic",
    ),
    *_py(
        "Griptape", ("griptape[drivers-prompt-openai]",), "griptape_program.py",
        *_WHOLE_STREAM, known="its answer is then an `ErrorArtifact` with our sentence",
    ),
    *_py("OpenAI Realtime", ("openai[realtime]",), "realtime_program.py", ""),
    *_py("OpenAI Agents, voice", ("openai-agents[voice]",), "openai_voice_program.py", ""),
    *_py("Gemini Live", ("google-genai",), "live_program.py", ""),
    *_py(
        "LangGraph",
        ("langgraph", "langchain", "langchain-openai", "langchain-anthropic"),
        "langgraph_program.py",
        *(f"{how} {model}" for how in _RUN_STREAM for model in _TO),
    ),
    *_py("AG2", ("ag2[openai]",), "ag2_program.py", ""),
    *_py("Mirascope", ("mirascope[openai]",), "mirascope_program.py", *_WHOLE_STREAM),
    *_py("aisuite", ("aisuite[openai,anthropic]", "docstring_parser"), "aisuite_program.py", *_TO),
    *_py(
        "any-llm", ("any-llm-sdk[openai,anthropic]",), "any_llm_program.py",
        *(f"{how} {model}" for how in _WHOLE_STREAM for model in _TO),
    ),
    *_py(
        "BeeAI", ("beeai-framework",), "beeai_program.py",
        *(f"{how} {_TO[0]}" for how in _WHOLE_STREAM),
    ),
    *_py("Outlines", ("outlines", "openai"), "outlines_program.py", *_WHOLE_STREAM),
    *_py("Guidance", ("guidance", "openai"), "guidance_program.py", ""),
    *_py("DeepEval", ("deepeval",), "deepeval_program.py", ""),
    *_py("browser-use", ("browser-use",), "browser_use_program.py", *_APIS, "google"),
    *_py("AgentScope", ("agentscope",), "agentscope_program.py", *_WHOLE_STREAM),
    *_py("OpenHands SDK", ("openhands",), "openhands_program.py", ""),
    *_py("Deep Agents", ("deepagents", "langchain-openai"), "deepagents_program.py", ""),
    *_py(
        "Swarms", ("swarms",), "swarms_program.py", "",
        known="it does each task four times, whatever went wrong (`retry_attempts`)",
    ),
    *_py("Claude Agent SDK", ("claude-agent-sdk",), "claude_agent_program.py", ""),
    *_js("Claude Agent npm", ("@anthropic-ai/claude-agent-sdk",), "claude_agent.mjs", ""),
    *_js("OpenAI Agents npm", ("@openai/agents", "zod"), "openai_agents.mjs", *_RUN_STREAM),
    *_js(
        "LangGraph.js",
        ("@langchain/langgraph", "@langchain/core", "@langchain/openai"),
        "langgraph.mjs", "invoke", "stream",
    ),
    *_js(
        "LlamaIndex.TS", ("llamaindex", "@llamaindex/openai", "@llamaindex/anthropic"),
        "llamaindex.mjs", *(f"{how} {api}" for api in _APIS for how in _WHOLE_STREAM),
    ),
    *_js("Groq npm", ("groq-sdk",), "vendors.mjs", "whole groq", "stream groq"),
    *_js(
        "Mistral npm", ("@mistralai/mistralai",), "vendors.mjs", "whole mistral", "stream mistral"
    ),
    *_js("Mastra", ("@mastra/core", "@ai-sdk/openai"), "mastra.mjs", "generate"),
    *_js(
        "Mastra", ("@mastra/core", "@ai-sdk/openai"), "mastra.mjs", "stream",
        known="its `textStream` ends without raising; the error is in its log",
    ),
    *_js("Genkit", ("genkit", "@genkit-ai/google-genai"), "genkit.mjs", "generate", "stream"),
    *_py("CrewAI", ("crewai",), "crewai_program.py", "1 agent", "1 agent stream", known=CREWS),
    *_py("CrewAI", ("crewai",), "crewai_program.py", "3 agents", known=CREWS),
    *_py(
        "smolagents", ("smolagents[openai]",), "smolagents_program.py", "",
        known="it sleeps for a minute after any 429; `refusal_status: 402` stops it at once",
    ),
    *_py(
        "Agno", ("agno", "openai"), "agno_program.py", "",
        known="it takes our sentence for the answer, whatever the status",
    ),
    Tried(
        "Kilo Code", ("npm:@kilocode/cli-linux-x64",),
        ("../@kilocode/cli-linux-x64/bin/kilo", "run", "-m", "openai/gpt-4o-mini", PROMPT),
    ),
    *(
        Tried(f"Qwen Code, stream {api}", ("npm:@qwen-code/qwen-code",),
              ("qwen", "--auth-type", api, *more, "-p", PROMPT), environ=QWEN)
        for api, more in {
            "openai": (*OPENAI_URL, "-m", "gpt-4o-mini"),
            "openai-responses": (*OPENAI_URL, "-m", "gpt-4o-mini"),
            "anthropic": ("-m", "claude-haiku-4-5"),
            "gemini": ("-m", "gemini-2.5-flash"),
        }.items()
    ),
    *(
        Tried(f"Continue `cn`, stream {api}", ("npm:@continuedev/cli",),
              ("cn", "--config", "{home}/cn.yaml", "-p", PROMPT),
              files={"cn.yaml": CONTINUE.format(api=api, model=model)})
        for api, model in (("openai", "gpt-4o-mini"), ("anthropic", "claude-haiku-4-5"))
    ),
    *(
        Tried(f"Cline, stream {api}", ("npm:cline",),
              ("cline", "-P", api, "-k", "sk-fake", "-m", model, PROMPT))
        for api, model in (("openai-native", "gpt-4o-mini"), ("anthropic", "claude-haiku-4-5"))
    ),
    *(
        Tried(f"Copilot CLI, {way} {api}", ("npm:@github/copilot",),
              ("copilot", "--allow-all-tools", "--stream", switch, "-p", PROMPT),
              environ={
                  "COPILOT_PROVIDER_TYPE": api, "COPILOT_PROVIDER_BASE_URL": url,
                  "COPILOT_PROVIDER_API_KEY": "sk-fake", "COPILOT_MODEL": model,
              })
        for way, switch, api, url, model in (
            ("whole", "off", "openai", "https://api.openai.com/v1", "gpt-4o-mini"),
            ("stream", "on", "openai", "https://api.openai.com/v1", "gpt-4o-mini"),
            ("stream", "off", "anthropic", "https://api.anthropic.com", "claude-haiku-4-5"),
        )
    ),
    Tried(
        "llm, whole openai", ("llm", "llm-anthropic"),
        ("llm", "--no-stream", "-m", "gpt-4o-mini", PROMPT),
    ),
    Tried(
        "llm, stream anthropic", ("llm", "llm-anthropic"),
        ("llm", "-m", "claude-haiku-4.5", PROMPT),
    ),
    Tried(
        "fast-agent, stream", ("fast-agent-mcp",),
        ("fast-agent", "go", "--model", "openai.gpt-4o-mini", "-m", PROMPT), python="3.13",
        known="it asks again in 10 and 20 s after all but a 400; `refusal_status: 400` ends it",
    ),
    Tried(
        "OpenHands", ("openhands",),
        ("openhands", "--headless", "--override-with-envs", "-t", PROMPT),
        environ={
            "LLM_API_KEY": "sk-fake", "LLM_MODEL": "openai/gpt-4o-mini",
            "OPENHANDS_SUPPRESS_BANNER": "1",
        },
        known="its CLI ends with 0 whatever became of a task; its SDK raises",
    ),
    Tried(
        "promptfoo", ("npm:promptfoo",),
        ("promptfoo", "eval", "-c", "{home}/promptfoo.yaml", "--no-cache"),
        files={"promptfoo.yaml": PROMPTFOO}, environ={"PROMPTFOO_DISABLE_TELEMETRY": "1"},
        known="of a 429 it shows the code and that retries will not help, and no sentence",
    ),
    Tried(
        "ShellGPT", ("shell-gpt", "click"),
        ("sgpt", "--model", "gpt-4o-mini", "--no-cache", PROMPT),
    ),
    *(
        Tried(f"gptme, {way} {model}", ("gptme",), ("gptme", "-n", *more, "-m", model, PROMPT))
        for model in _MODELS[:2]
        for way, more in (("whole", ("--no-stream",)), ("stream", ()))
    ),
    *(
        Tried(f"pi agent, stream {api}", ("npm:@mariozechner/pi-coding-agent",),
              ("pi", "--provider", api, "--model", model, "-p", PROMPT))
        for api, model in (("openai", "gpt-4o-mini"), ("anthropic", "claude-haiku-4-5"))
    ),
    Tried(
        "kimi-cli, stream", ("kimi-cli==1.47.0",), ("kimi", "--print", "-c", PROMPT), python="3.13",
        files={".kimi/config.toml": KIMI},
    ),
    Tried("Mistral Vibe", ("mistral-vibe",), ("vibe", "-p", PROMPT, "--max-turns", "1")),
    Tried(
        "mini-swe-agent, whole", ("mini-swe-agent",),
        ("mini", "-m", "openai/gpt-4o-mini", "-t", PROMPT, "-y", "--exit-immediately", "-l", "0"),
        environ={"MSWEA_CONFIGURED": "true", "MSWEA_COST_TRACKING": "ignore_errors"},
        known="the seconds are its own: it prints all of the source that the error came through",
    ),
)  # fmt: skip
