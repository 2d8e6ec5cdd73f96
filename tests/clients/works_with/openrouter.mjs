// OpenRouter's package for Node: openrouter.mjs whole|stream.
import { OpenRouter } from "@openrouter/sdk";

const client = new OpenRouter({ apiKey: "fake" });
const stream = process.argv[2] === "stream";
const asked = { model: "openai/gpt-5-mini", maxTokens: 100, messages: [{ role: "user", content: "Say hello." }], stream };
const answer = await client.chat.send({ chatRequest: asked });
if (stream) {
  for await (const part of answer) console.log(JSON.stringify(part));
} else {
  console.log(JSON.stringify(answer));
}
