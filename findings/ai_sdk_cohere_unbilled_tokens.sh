#!/bin/sh
# Vercel's provider for Cohere tells as usage the tokens that Cohere counted, and not those that it bills, though the answer has both.
#
# Guess: `usage.inputTokens` is what the call is paid by: the 9 tokens of Cohere's `billed_units`.
# Seen:  the 75 of `tokens`, of which 66 are Cohere's own preamble that nobody pays; streamed and not.
#        By the rates of Command A a short question so seems to cost $0.0002475, and costs $0.0000825.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" @ai-sdk/cohere@3.0.63 ai@6.0.326 >/dev/null 2>&1
cat >seen.mjs <<'END'
import http from "node:http";
import { readFileSync } from "node:fs";
import { createCohere } from "@ai-sdk/cohere";
import { generateText, streamText } from "ai";

const usage = {
  billed_units: { input_tokens: 9, output_tokens: 6 },
  tokens: { input_tokens: 75, output_tokens: 6 },
};
const whole = {
  id: "c",
  finish_reason: "COMPLETE",
  message: { role: "assistant", content: [{ type: "text", text: "x" }] },
  usage,
};
const events = [
  { type: "message-start", id: "c", delta: { message: { role: "assistant", content: [] } } },
  { type: "content-start", index: 0, delta: { message: { content: { type: "text", text: "" } } } },
  { type: "content-delta", index: 0, delta: { message: { content: { text: "x" } } } },
  { type: "content-end", index: 0 },
  { type: "message-end", delta: { finish_reason: "COMPLETE", usage } },
];
const provider = http.createServer(async (asked, answer) => {
  let text = "";
  for await (const piece of asked) text += piece;
  if (JSON.parse(text).stream) {
    answer.setHeader("content-type", "text/event-stream");
    for (const event of events) answer.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
    answer.end();
  } else {
    answer.setHeader("content-type", "application/json");
    answer.end(JSON.stringify(whole));
  }
});
await new Promise((ready) => provider.listen(0, "127.0.0.1", ready));
const cohere = createCohere({ apiKey: "none", baseURL: `http://127.0.0.1:${provider.address().port}/v2` });
const call = { model: cohere("command-a-03-2025"), prompt: "hello" };
const told = { whole: (await generateText(call)).usage };
const stream = streamText(call);
await stream.consumeStream();
told.streamed = await stream.usage;
provider.closeAllConnections();
provider.close();

const version = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version;
console.log(`@ai-sdk/cohere ${version("@ai-sdk/cohere")}, ai ${version("ai")}`);
console.log("billed:", JSON.stringify(usage.billed_units));
// Command A, dollars a million tokens.
const dollars = (input, output) => (input * 2.5 + output * 10) / 1e6;
for (const [how, { inputTokens, outputTokens }] of Object.entries(told)) {
  const seems = dollars(inputTokens, outputTokens).toFixed(7);
  console.log(`${how}: ${inputTokens} in, ${outputTokens} out: $${seems} of $${dollars(9, 6).toFixed(7)}`);
}
const right = Object.values(told).every((seen) => seen.inputTokens === 75 && seen.outputTokens === 6);
process.exit(right ? 0 : 1);
END
node seen.mjs
