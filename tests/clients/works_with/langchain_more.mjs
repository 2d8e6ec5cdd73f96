// LangChain.js's packages for further vendors: langchain_more.mjs invoke|stream anthropic|mistral.
const [how, vendor] = process.argv.slice(2);
let model;
if (vendor === "anthropic") {
  const { ChatAnthropic } = await import("@langchain/anthropic");
  model = new ChatAnthropic({ model: "claude-haiku-4-5" });
} else {
  const { ChatMistralAI } = await import("@langchain/mistralai");
  model = new ChatMistralAI({ model: "mistral-small-latest", apiKey: "fake" });
}
if (how === "stream") {
  for await (const chunk of await model.stream("Say hello.")) process.stdout.write(String(chunk.content));
} else {
  console.log((await model.invoke("Say hello.")).content);
}
