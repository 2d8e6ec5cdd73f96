"""NeMo Guardrails: one turn without rails."""

from nemoguardrails import LLMRails, RailsConfig

MODEL = "models: [{type: main, engine: openai, model: gpt-4o-mini}]"
rails = LLMRails(RailsConfig.from_content(yaml_content=MODEL))
print(rails.generate(messages=[{"role": "user", "content": "Say hello."}]))
