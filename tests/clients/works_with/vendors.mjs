// Vendors' own packages for Node: vendors.mjs whole|stream groq|mistral.
const [how, vendor] = process.argv.slice(2);
const stream = how === "stream";
const messages = [{ role: "user", content: "Say hello." }];
let answer;
if (vendor === "groq") {
  const { default: Groq } = await import("groq-sdk");
  answer = await new Groq({ apiKey: "fake" }).chat.completions.create({ model: "llama-3.1-8b-instant", messages, stream });
} else {
  const { Mistral } = await import("@mistralai/mistralai");
  const client = new Mistral({ apiKey: "fake" });
  const asked = { model: "mistral-small-latest", messages };
  answer = await (stream ? client.chat.stream(asked) : client.chat.complete(asked));
}
if (stream) {
  for await (const part of answer) console.log(JSON.stringify(part));
} else {
  console.log(JSON.stringify(answer));
}
