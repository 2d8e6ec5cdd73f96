"""Google's package, its Live API: one answer in text."""

import asyncio

from google import genai


async def main() -> None:
    """One turn of a session."""
    config = {"response_modalities": ["TEXT"]}
    async with genai.Client().aio.live.connect(model="gemini-3.8-live", config=config) as session:
        said = {"role": "user", "parts": [{"text": "Say hello."}]}
        await session.send_client_content(turns=said, turn_complete=True)
        async for message in session.receive():
            print(message.text, end="")


asyncio.run(main())
