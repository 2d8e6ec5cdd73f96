// multi-llm-ts: multi_llm.mjs whole|stream openai|anthropic|google.
import { igniteEngine, Message, loadModels } from "multi-llm-ts";

const [how, provider] = process.argv.slice(2);
const key = { openai: "OPENAI_API_KEY", anthropic: "ANTHROPIC_API_KEY", google: "GEMINI_API_KEY" }[provider];
const name = { openai: "gpt-4o-mini", anthropic: "claude-haiku-4-5", google: "gemini-2.5-flash" }[provider];
const engine = igniteEngine(provider, { apiKey: process.env[key] });
const model = engine.buildModel(name);
const thread = [new Message("system", "You are friendly."), new Message("user", "Say hello.")];
if (how === "stream") {
  for await (const part of engine.generate(model, thread)) console.log(JSON.stringify(part));
} else {
  console.log(await engine.complete(model, thread));
}
