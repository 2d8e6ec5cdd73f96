"""AdalFlow: one generator."""

import adalflow as adal

generator = adal.Generator(
    model_client=adal.OpenAIClient(),
    model_kwargs={"model": "gpt-4o-mini"},
    template="Say hello.",
    use_cache=False,
)
answer = generator({})
print(answer)
if answer.error:
    raise SystemExit(1)
