// LlamaIndex for Node: llamaindex.mjs whole|stream openai|anthropic.
const [how, provider] = process.argv.slice(2);
let llm;
if (provider === "openai") {
  const { OpenAI } = await import("@llamaindex/openai");
  llm = new OpenAI({ model: "gpt-4o-mini" });
} else {
  const { Anthropic } = await import("@llamaindex/anthropic");
  llm = new Anthropic({ model: "claude-haiku-4-5" });
}
const messages = [{ role: "user", content: "Say hello." }];
if (how === "stream") {
  for await (const part of await llm.chat({ messages, stream: true })) console.log(part.delta);
} else {
  console.log((await llm.chat({ messages })).message.content);
}
