// Vercel's `ai`: vercel.mjs generate|stream openai|anthropic. The last line of an error is its message.
import { generateText, streamText } from "ai";
import { anthropic } from "@ai-sdk/anthropic";
import { openai } from "@ai-sdk/openai";

const [how, provider] = process.argv.slice(2);
const model = provider === "anthropic" ? anthropic("claude-haiku-4-5") : openai("gpt-4o-mini");
const prompt = "Say hello.";

if (how === "stream") {
  let failed = null;
  const { textStream } = streamText({ model, prompt, onError: ({ error }) => { failed = error; } });
  for await (const text of textStream) process.stdout.write(text);
  if (failed) {
    console.error(failed.message);
    process.exit(1);
  }
} else {
  console.log((await generateText({ model, prompt })).text);
}
