// Vercel's `ai` with further vendors: vercel_more.mjs generate|stream google|mistral|groq.
import { generateText, streamText } from "ai";

const [how, vendor] = process.argv.slice(2);
const prompt = "Say hello.";
let model;
if (vendor === "google") {
  const { createGoogleGenerativeAI } = await import("@ai-sdk/google");
  model = createGoogleGenerativeAI({ apiKey: "fake" })("gemini-2.5-flash");
} else if (vendor === "mistral") model = (await import("@ai-sdk/mistral")).mistral("mistral-small-latest");
else model = (await import("@ai-sdk/groq")).createGroq({ apiKey: "fake" })("llama-3.1-8b-instant");

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
