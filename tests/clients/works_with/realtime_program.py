"""OpenAI's package, its Realtime API: one answer in text."""

import sys

from openai import OpenAI

with OpenAI().realtime.connect(model="gpt-realtime-mini") as connection:
    connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
    said = [{"type": "input_text", "text": "Say hello."}]
    connection.conversation.item.create(item={"type": "message", "role": "user", "content": said})
    connection.response.create()
    for event in connection:
        if event.type == "error":
            sys.exit(event.error.message)
        if event.type == "response.output_text.delta":
            print(event.delta, end="")
        if event.type == "response.done":
            break
