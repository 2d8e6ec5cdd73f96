// Token.js: tokenjs.mjs whole|stream openai|anthropic|gemini.
import { TokenJS } from "token.js";

const [how, provider] = process.argv.slice(2);
const model = { openai: "gpt-4o-mini", anthropic: "claude-haiku-4-5", gemini: "gemini-2.5-flash" }[provider];
const messages = [{ role: "user", content: "Say hello." }];
const token = new TokenJS();
if (provider !== "openai") token.extendModelList(provider, model, { streaming: true });
const answer = await token.chat.completions.create({ provider, model, messages, max_tokens: 100, stream: how === "stream" });
if (how === "stream") {
  for await (const part of answer) console.log(JSON.stringify(part));
} else {
  console.log(JSON.stringify(answer));
}
