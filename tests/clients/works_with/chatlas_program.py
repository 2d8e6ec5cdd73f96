"""chatlas: chatlas_program.py openai|anthropic|google."""

import sys

import chatlas

made = {
    "openai": lambda: chatlas.ChatOpenAI(model="gpt-4o-mini"),
    "anthropic": lambda: chatlas.ChatAnthropic(model="claude-haiku-4-5"),
    "google": lambda: chatlas.ChatGoogle(model="gemini-2.5-flash"),
}
print(made[sys.argv[1]]().chat("Say hello.", echo="none"))
