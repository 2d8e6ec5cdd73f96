"""aisuite: aisuite_program.py PROVIDER:MODEL."""

import sys

import aisuite

asked = [{"role": "user", "content": "Say hello."}]
answer = aisuite.Client().chat.completions.create(model=sys.argv[1], messages=asked)
print(answer.choices[0].message.content)
