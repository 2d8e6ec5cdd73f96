// pi-ai: pi_ai.mjs openai|anthropic|google.
import { complete, getModel } from "@mariozechner/pi-ai";

const provider = process.argv[2];
const model = { openai: "gpt-4o-mini", anthropic: "claude-haiku-4-5", google: "gemini-2.5-flash" }[provider];
const answer = await complete(getModel(provider, model), { messages: [{ role: "user", content: "Say hello.", timestamp: 0 }] });
console.log(JSON.stringify(answer));
if (answer.stopReason === "error") process.exit(1);
