#!/bin/sh
# multi-llm-ts counts as output what Gemini's own tools put into the prompt, and not what the model has thought.
#
# Guess: output is what is billed as output: 100 tokens of text and 900 of thoughts; input 1,000 and 5,000 of a searched page.
# Seen:  1,000 in and 5,100 out, the page among them and the thoughts not: by gemini-2.5-pro's rates $0.05225 for what costs
#        $0.0175. Asked without a stream, with `usage: true` as well, the answer has no `usage` at all.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" multi-llm-ts@5.1.1 >/dev/null 2>&1
cat >seen.mjs <<'END'
import http from "node:http";
import { readFileSync } from "node:fs";
import { Google, Message, defaultCapabilities } from "multi-llm-ts";

const told = {
  candidates: [{ content: { role: "model", parts: [{ text: "x" }] }, finishReason: "STOP", index: 0 }],
  usageMetadata: {
    promptTokenCount: 1000,
    toolUsePromptTokenCount: 5000,
    candidatesTokenCount: 100,
    thoughtsTokenCount: 900,
    totalTokenCount: 7000,
  },
};
const provider = http.createServer((asked, answer) => {
  asked.resume();
  const streamed = asked.url.includes("stream");
  answer.setHeader("content-type", streamed ? "text/event-stream" : "application/json");
  answer.end(streamed ? `data: ${JSON.stringify(told)}\r\n\r\n` : JSON.stringify(told));
});
await new Promise((ready) => provider.listen(0, "127.0.0.1", ready));
const google = new Google({ apiKey: "none", baseURL: `http://127.0.0.1:${provider.address().port}` });
const model = { id: "gemini-2.5-pro", name: "gemini-2.5-pro", ...defaultCapabilities };
const thread = [new Message("user", "hello")];

let streamed;
for await (const chunk of google.generate(model, thread, { usage: true })) if (chunk.type === "usage") streamed = chunk.usage;
const whole = await google.complete(model, thread, { usage: true });
provider.closeAllConnections();
provider.close();

console.log("multi-llm-ts", JSON.parse(readFileSync("node_modules/multi-llm-ts/package.json")).version);
console.log("streamed:", JSON.stringify(streamed));
console.log("not streamed:", JSON.stringify(whole.usage), "in", JSON.stringify(whole));
const turned = streamed.prompt_tokens === 1000 && streamed.completion_tokens === 5100;
process.exit(turned && whole.content === "x" && whole.usage === undefined ? 0 : 1);
END
node seen.mjs
