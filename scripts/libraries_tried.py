"""The libraries that `scripts/works_with` tries, each asked by a program of ours."""

from tried import Tried, js, on_runtimes, py

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

_CAMEL = ("camel-ai", "mcp<2")
# Else it asks a gateway of its maker's.
TO_OPENAI = {"OPENAI_BASE_URL": "https://api.openai.com/v1"}

LIBRARIES: tuple[Tried, ...] = (
    *js("`ai` 7", ("ai@7", "@ai-sdk/openai@4", "@ai-sdk/anthropic@4"), "vercel.mjs", *_AI),
    *js("`ai` 6", ("ai@6", "@ai-sdk/openai@3", "@ai-sdk/anthropic@3"), "vercel.mjs", *_AI),
    *js(
        "LangChain.js",
        ("@langchain/core", "@langchain/openai", "@langchain/google-genai"),
        "langchain.mjs",
        *_CHAINS,
    ),
    *js("@google/genai with retries", ("@google/genai",), "genai.mjs", "generate"),
    *py("LangChain", _LANGCHAIN, "langchain_program.py", *_CHAINS, *_CLAUDE),
    *py(
        "Pydantic AI",
        ("pydantic-ai-slim", "openai", "anthropic"),
        "pydantic_ai_program.py",
        "run openai:gpt-4o-mini",
        "stream openai:gpt-4o-mini",
        "run anthropic:claude-haiku-4-5",
        "stream anthropic:claude-haiku-4-5",
    ),
    *py(
        "LlamaIndex", ("llama-index-llms-openai",), "llama_index_program.py", "complete", "stream"
    ),
    *py(
        "DSPy", ("dspy",), "dspy_program.py",
        "openai/gpt-4o-mini", "anthropic/claude-haiku-4-5",
        "openai/gpt-4o-mini stream", "anthropic/claude-haiku-4-5 stream",
    ),
    *js("openai npm", ("openai",), "sdk.mjs", "whole openai", "stream openai"),
    *js("Anthropic's npm", ("@anthropic-ai/sdk",), "sdk.mjs", *_ANTHROPIC),
    *on_runtimes("openai npm", ("openai",), "sdk.mjs", "whole openai", "stream openai"),
    *on_runtimes("Anthropic's npm", ("@anthropic-ai/sdk",), "sdk.mjs", *_ANTHROPIC),
    *on_runtimes("`ai`", ("ai", "@ai-sdk/openai", "@ai-sdk/anthropic"), "vercel.mjs", *_AI),
    *py("OpenAI Agents", ("openai-agents",), "openai_agents_program.py", *_AGENTS),
    *py(
        "Instructor", ("instructor[anthropic]",), "instructor_program.py",
        "openai/gpt-4o-mini", "anthropic/claude-haiku-4-5",
    ),
    *py("Semantic Kernel", ("semantic-kernel",), "semantic_kernel_program.py", *_WHOLE_STREAM),
    *py("Haystack", ("haystack-ai",), "haystack_program.py", *_RUN_STREAM),
    *py(
        "AutoGen", ("autogen-agentchat", "autogen-ext[openai]"), "autogen_program.py",
        *_RUN_STREAM,
    ),
    *py("Google ADK", ("google-adk",), "google_adk_program.py", *_RUN_STREAM),
    *py("LiteLLM", ("litellm",), "litellm_program.py", *_LITELLM),
    *py(
        "chatlas", ("chatlas", *_APIS, "google-genai"), "chatlas_program.py", *_APIS, "google"
    ),
    *py(
        "Inspect", ("inspect-ai", "openai", "anthropic"), "inspect_program.py",
        "openai/gpt-4o-mini", "anthropic/claude-haiku-4-5",
        known="it pauses for 3 to 6 seconds of its own before it asks again",
    ),
    *py("Magentic", ("magentic",), "magentic_program.py", ""),
    *py(
        "Strands Agents", ("strands-agents[openai,anthropic]",), "strands_program.py",
        "openai", "anthropic",
    ),
    *py(
        "Griptape", ("griptape[drivers-prompt-openai]",), "griptape_program.py",
        *_WHOLE_STREAM, known="its answer is then an `ErrorArtifact` with our sentence",
    ),
    *py("OpenAI Realtime", ("openai[realtime]",), "realtime_program.py", ""),
    *py("OpenAI Agents, voice", ("openai-agents[voice]",), "openai_voice_program.py", ""),
    *py("Gemini Live", ("google-genai",), "live_program.py", ""),
    *py(
        "LangGraph",
        ("langgraph", "langchain", "langchain-openai", "langchain-anthropic"),
        "langgraph_program.py",
        *(f"{how} {model}" for how in _RUN_STREAM for model in _TO),
    ),
    *py("AG2", ("ag2[openai]",), "ag2_program.py", ""),
    *py("Mirascope", ("mirascope[openai]",), "mirascope_program.py", *_WHOLE_STREAM),
    *py("aisuite", ("aisuite[openai,anthropic]", "docstring_parser"), "aisuite_program.py", *_TO),
    *py(
        "any-llm", ("any-llm-sdk[openai,anthropic]",), "any_llm_program.py",
        *(f"{how} {model}" for how in _WHOLE_STREAM for model in _TO),
    ),
    *py(
        "BeeAI", ("beeai-framework",), "beeai_program.py",
        *(f"{how} {_TO[0]}" for how in _WHOLE_STREAM),
    ),
    *py("Outlines", ("outlines", "openai"), "outlines_program.py", *_WHOLE_STREAM),
    *py("Guidance", ("guidance", "openai"), "guidance_program.py", ""),
    *py("DeepEval", ("deepeval",), "deepeval_program.py", ""),
    *py("browser-use", ("browser-use",), "browser_use_program.py", *_APIS, "google"),
    *py("AgentScope", ("agentscope",), "agentscope_program.py", *_WHOLE_STREAM),
    *py("OpenHands SDK", ("openhands",), "openhands_program.py", ""),
    *py("Deep Agents", ("deepagents", "langchain-openai"), "deepagents_program.py", ""),
    *py(
        "Swarms", ("swarms",), "swarms_program.py", "",
        known="it does each task four times, whatever went wrong (`retry_attempts`)",
    ),
    *py("Claude Agent SDK", ("claude-agent-sdk",), "claude_agent_program.py", ""),
    *js("Claude Agent npm", ("@anthropic-ai/claude-agent-sdk",), "claude_agent.mjs", ""),
    *js("OpenAI Agents npm", ("@openai/agents", "zod"), "openai_agents.mjs", *_RUN_STREAM),
    *js(
        "LangGraph.js",
        ("@langchain/langgraph", "@langchain/core", "@langchain/openai"),
        "langgraph.mjs", "invoke", "stream",
    ),
    *js(
        "LlamaIndex.TS", ("llamaindex", "@llamaindex/openai", "@llamaindex/anthropic"),
        "llamaindex.mjs", *(f"{how} {api}" for api in _APIS for how in _WHOLE_STREAM),
    ),
    *js("Groq npm", ("groq-sdk",), "vendors.mjs", "whole groq", "stream groq"),
    *js(
        "Mistral npm", ("@mistralai/mistralai",), "vendors.mjs", "whole mistral", "stream mistral"
    ),
    *js("Mastra", ("@mastra/core", "@ai-sdk/openai"), "mastra.mjs", "generate"),
    *js(
        "Mastra", ("@mastra/core", "@ai-sdk/openai"), "mastra.mjs", "stream",
        known="its `textStream` ends without raising; the error is in its log",
    ),
    *js("Genkit", ("genkit", "@genkit-ai/google-genai"), "genkit.mjs", "generate", "stream"),
    *py("CrewAI", ("crewai",), "crewai_program.py", "1 agent", "1 agent stream", known=CREWS),
    *py("CrewAI", ("crewai",), "crewai_program.py", "3 agents", known=CREWS),
    *py(
        "smolagents", ("smolagents[openai]",), "smolagents_program.py", "",
        known="it sleeps for a minute after any 429; `refusal_status: 402` stops it at once",
    ),
    *py(
        "Agno", ("agno", "openai"), "agno_program.py", "",
        known="it takes our sentence for the answer, whatever the status",
    ),
    *js(
        "Token.js", ("token.js",), "tokenjs.mjs",
        *(f"{how} {api}" for api in (*_APIS, "gemini") for how in _WHOLE_STREAM),
    ),
    *js(
        "openai npm 4", ("openai@4",), "sdk.mjs", "whole openai", "stream openai",
    ),
    *js("Cohere npm", ("cohere-ai",), "cohere.mjs", *_WHOLE_STREAM),
    *js(
        "Google's first npm", ("@google/generative-ai",), "google_generative_ai.mjs",
        *_WHOLE_STREAM,
    ),
    *js("OpenRouter npm", ("@openrouter/sdk",), "openrouter.mjs", *_WHOLE_STREAM),
    *js(
        "Ax", ("@ax-llm/ax",), "ax.mjs",
        *(f"{how} {api}" for api in (*_APIS, "google-gemini") for how in _WHOLE_STREAM),
    ),
    *js("llm-exe", ("llm-exe",), "llm_exe.mjs", *_APIS, "google"),
    *js(
        "multi-llm-ts", ("multi-llm-ts",), "multi_llm.mjs",
        *(f"{how} {api}" for api in (*_APIS, "google") for how in _WHOLE_STREAM),
    ),
    *js("TanStack AI", ("@tanstack/ai", "@tanstack/ai-openai"), "tanstack.mjs", "stream"),
    *js("AgentKit", ("@inngest/agent-kit",), "agent_kit.mjs", *_APIS),
    *js(
        "Instructor npm", ("@instructor-ai/instructor", "openai@4", "zod@3"), "instructor.mjs", "",
    ),
    *js(
        "VoltAgent", ("@voltagent/core", "@ai-sdk/openai@3", "zod"), "voltagent.mjs",
        "generate", "stream",
    ),
    *js("chatgpt npm", ("chatgpt",), "chatgpt.mjs", ""),
    *js(
        "LangChain.js's others",
        ("@langchain/core", "@langchain/anthropic", "@langchain/mistralai"), "langchain_more.mjs",
        *(f"{how} {vendor}" for vendor in ("anthropic", "mistral") for how in ("invoke", "stream")),
    ),
    *js(
        "`ai` 7's others", ("ai@7", "@ai-sdk/google@4", "@ai-sdk/mistral@4", "@ai-sdk/groq@4"),
        "vercel_more.mjs",
        *(
            f"{how} {vendor}"
            for vendor in ("google", "mistral", "groq")
            for how in ("generate", "stream")
        ),
    ),
    *py("PaperQA", ("paper-qa",), "paperqa_program.py", ""),
    *py("LightRAG", ("lightrag-hku", "openai"), "lightrag_program.py", ""),
    *py(
        "Google's first package", ("google-generativeai",), "google_generativeai_program.py",
        *(f"{how} rest" for how in _WHOLE_STREAM),
    ),
    *py(
        "LangChain's others", ("langchain-groq", "langchain-cohere"), "langchain_more_program.py",
        *(f"{how} {vendor}" for vendor in ("groq", "cohere") for how in ("invoke", "stream")),
    ),
    *py("Atomic Agents", ("atomic-agents", "instructor"), "atomic_agents_program.py", ""),
    *py("LiveKit Agents", ("livekit-agents", "livekit-plugins-openai"), "livekit_program.py", ""),
    *py("NeMo Guardrails", ("nemoguardrails", "langchain-openai"), "nemoguardrails_program.py", ""),
    *py("PyRIT", ("pyrit",), "pyrit_program.py", ""),
    *py("TruLens", ("trulens-providers-openai",), "trulens_program.py", ""),
    *py("Ragas", ("ragas", "langchain-community<0.4"), "ragas_program.py", ""),
    Tried(
        "GPT Researcher", ("gpt-researcher",), ("python", "{here}/gpt_researcher_program.py"),
        environ={
            **dict.fromkeys(("FAST_LLM", "SMART_LLM", "STRATEGIC_LLM"), "openai:gpt-4o-mini"),
            "RETRIEVER": "arxiv",
        },
        known="it asks ten times for each of its first four prompts, whatever went wrong",
    ),
    *py(
        "LlamaIndex for Google", ("llama-index-llms-google-genai",),
        "llama_index_google_program.py", "complete", "stream",
    ),
    *py("CAMEL", _CAMEL, "camel_program.py", "whole openai"),
    *py(
        "CAMEL", _CAMEL, "camel_program.py", "stream openai",
        known="its stream ends with our sentence, as if that were the answer",
    ),
    *py(
        "Langroid", ("langroid",), "langroid_program.py", *_WHOLE_STREAM,
        known="it asks again after a 402 too, and stops at the 401 that comes then",
    ),
    *py("Mem0", ("mem0ai",), "mem0_program.py", ""),
    *py("Marvin", ("marvin", "pydantic-ai<1.50"), "marvin_program.py", ""),
    *py("AdalFlow", ("adalflow", "openai"), "adalflow_program.py", ""),
    Tried(
        "Autoevals", ("autoevals", "openai"), ("python", "{here}/autoevals_program.py"),
        environ=TO_OPENAI,
    ),
    *py(
        "Phoenix's evaluators", ("arize-phoenix-evals", "openai"), "phoenix_evals_program.py", "",
        known="of a 429 it shows a sentence of its own limiter; `refusal_status: 402` shows ours",
    ),
    *py("Kani", ("kani[openai]",), "kani_program.py", *_WHOLE_STREAM),
    *py("spacy-llm", ("spacy-llm",), "spacy_llm_program.py", ""),
    *py(
        "mcp-agent", ("mcp-agent[openai]", "mcp<2"), "mcp_agent_program.py", "",
        known="its answer is then empty; the error is in its log",
    ),
    *py("Agency Swarm", ("agency-swarm",), "agency_swarm_program.py", ""),
    *js("Google's ADK npm", ("@google/adk",), "google_adk.mjs", ""),
    *js("Strands Agents npm", ("@strands-agents/sdk", "openai"), "strands.mjs", ""),
    Tried(
        "Autoevals npm", ("npm:autoevals",), ("node", "{here}/autoevals.mjs"), environ=TO_OPENAI
    ),
    *js("pi-ai", ("@mariozechner/pi-ai",), "pi_ai.mjs", *_APIS, "google"),
)  # fmt: skip
