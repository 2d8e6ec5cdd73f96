"""smolagents on a model of its own."""

from smolagents import OpenAIServerModel

print(
    OpenAIServerModel("gpt-4o-mini").generate([{"role": "user", "content": "Say hello."}]).content
)
