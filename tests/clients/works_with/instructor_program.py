"""Instructor: instructor_program.py PROVIDER/MODEL; it asks again where an answer does not fit."""

import sys

import instructor
from pydantic import BaseModel


class Greeting(BaseModel):
    """What the answer is to be."""

    text: str


client = instructor.from_provider(sys.argv[1])
print(
    client.create(
        response_model=Greeting,
        max_retries=3,
        max_tokens=100,
        messages=[{"role": "user", "content": "Say hello."}],
    )
)
