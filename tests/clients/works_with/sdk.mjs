// The providers' own packages for Node: sdk.mjs whole|stream openai|anthropic.
const [how, provider] = process.argv.slice(2);
const stream = how === "stream";
const messages = [{ role: "user", content: "Say hello." }];
let answer;
if (provider === "openai") {
  const { default: OpenAI } = await import("openai");
  answer = await new OpenAI().chat.completions.create({ model: "gpt-4o-mini", messages, stream });
} else {
  const { default: Anthropic } = await import("@anthropic-ai/sdk");
  answer = await new Anthropic().messages.create({ model: "claude-haiku-4-5", max_tokens: 100, messages, stream });
}
if (stream) {
  for await (const part of answer) console.log(JSON.stringify(part));
} else {
  console.log(JSON.stringify(answer));
}
