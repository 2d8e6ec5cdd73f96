"""The programs that `scripts/works_with` tries, each as it is typed."""

from tried import PROMPT, Tried

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
AICOMMITS = """\
provider=openai
OPENAI_API_KEY=sk-fake
OPENAI_MODEL=gpt-4o-mini
"""
OPENAI_URL = ("--openai-base-url", "https://api.openai.com/v1")
QWEN = {
    "ANTHROPIC_BASE_URL": "https://api.anthropic.com", "ANTHROPIC_MODEL": "claude-haiku-4-5",
}  # fmt: skip

NANOCODER = """\
{"nanocoder": {"providers": [{
  "name": "p", "baseUrl": "https://api.openai.com/v1", "apiKey": "sk-fake",
  "models": ["gpt-4o-mini"]
}]}}
"""

PROMPTFOO = """\
prompts: [Say hello.]
providers: [openai:gpt-4o-mini]
tests: [{vars: {}}]
"""

_MODELS = ("openai/gpt-4o-mini", "anthropic/claude-haiku-4-5")

COMMANDS: tuple[Tried, ...] = (
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
        for model in _MODELS
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
    Tried(
        "gpt-command-line", ("gpt-command-line",),
        ("gpt", "--model", "gpt-4o-mini", "--prompt", PROMPT),
    ),
    Tried(
        "aicommits", ("npm:aicommits",), ("node", "{here}/committing.mjs", "aicommits", "-y"),
        files={".aicommits": AICOMMITS},
    ),
    Tried(
        "OpenCommit", ("npm:opencommit",), ("node", "{here}/committing.mjs", "oco", "--yes"),
        environ={
            "OCO_API_KEY": "sk-fake", "OCO_MODEL": "gpt-4o-mini", "OCO_AI_PROVIDER": "openai",
        },
        known="of any 429 it shows a sentence of its own; `refusal_status: 400` shows ours",
    ),
    Tried(
        "garak", ("garak",),
        ("garak", "--target_type", "openai", "--target_name", "gpt-4o-mini",
         "--probes", "test.Blank"),
        known="it writes errors into its log, and ends with 0 whatever became of its probes",
    ),
    Tried(
        "PR-Agent", ("pr-agent",), ("python", "{here}/pr_agent_program.py"),
        environ={"CONFIG__GIT_PROVIDER": "local", "CONFIG__MODEL": "gpt-4o-mini",
                 "CONFIG__FALLBACK_MODELS": "[]"},
        known="it ends with 0 whatever became of a review",
    ),
    Tried(
        "LM Evaluation Harness", ("lm-eval[api]",), ("python", "{here}/lm_eval_program.py"),
        known="it asks three times, whatever went wrong (`max_retries`)",
    ),
    Tried(
        "Nanocoder with `--confine`, stream", ("npm:@nanocollective/nanocoder",),
        ("nanocoder", "--trust-directory", "--plain", "--provider", "p", "--model", "gpt-4o-mini",
         "run", PROMPT),
        files={"agents.config.json": NANOCODER}, environ={"NANOCODER_CONFIG_DIR": ".."},
        confined=True,
    ),
)  # fmt: skip
