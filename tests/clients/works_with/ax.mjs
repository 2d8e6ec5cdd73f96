// Ax: ax.mjs whole|stream openai|anthropic|google-gemini.
import { ai, AxAIOpenAIModel } from "@ax-llm/ax";

const [how, name] = process.argv.slice(2);
const [key, model] = {
  openai: ["OPENAI_API_KEY", "gpt-4o-mini"], anthropic: ["ANTHROPIC_API_KEY", "claude-haiku-4-5"],
  "google-gemini": ["GEMINI_API_KEY", "gemini-2.5-flash"],
}[name];
const llm = ai({ name, apiKey: process.env[key], config: { model } });
const answer = await llm.chat({ chatPrompt: [{ role: "user", content: "Say hello." }] }, { stream: how === "stream" });
if (how === "stream") {
  for await (const part of answer) console.log(JSON.stringify(part));
} else {
  console.log(JSON.stringify(answer));
}
