"""LiteLLM: litellm_program.py whole|stream MODEL."""

import sys

import litellm

how, model = sys.argv[1:]
answer = litellm.completion(
    model=model,
    stream=how == "stream",
    max_tokens=100,
    messages=[{"role": "user", "content": "Say hello."}],
)
print(list(answer) if how == "stream" else answer)
