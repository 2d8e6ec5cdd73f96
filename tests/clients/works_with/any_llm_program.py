"""any-llm: any_llm_program.py whole|stream PROVIDER:MODEL."""

import sys

from any_llm import completion

how, model = sys.argv[1:]
asked = [{"role": "user", "content": "Say hello."}]
answer = completion(model=model, messages=asked, stream=how == "stream", max_tokens=100)
if how == "stream":
    for part in answer:
        print(part)
else:
    print(answer.choices[0].message.content)
