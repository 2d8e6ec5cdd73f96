"""DSPy: dspy_program.py MODEL [stream]."""

import asyncio
import sys

import dspy

dspy.configure(lm=dspy.LM(sys.argv[1], cache=False))
ask = dspy.Predict("question -> answer")


async def stream() -> None:
    """The answer as it comes."""
    listeners = [dspy.streaming.StreamListener(signature_field_name="answer")]
    async for part in dspy.streamify(ask, stream_listeners=listeners)(question="Say hello."):
        print(part)


if "stream" in sys.argv:
    asyncio.run(stream())
else:
    print(ask(question="Say hello."))
