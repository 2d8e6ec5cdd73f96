#!/bin/sh
# LangChain's new package for Gemini in JS leaves the thoughts out of the output where its answer is read as events.
#
# Guess: `streamEvents` of a model tells the usage that `stream` and `invoke` tell: 1,000 tokens out, 900 of them thoughts.
# Seen:  100 out and no details, though the total beside them has the thoughts, which Gemini bills as output; and of
#        800 tokens from the cache not a word either.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" @langchain/google@0.2.6 @langchain/core@1.4.0 >/dev/null 2>&1
cat >seen.mjs <<'END'
import http from "node:http";
import { readFileSync } from "node:fs";
import { ChatGoogle } from "@langchain/google";

const told = {
  candidates: [{ content: { role: "model", parts: [{ text: "x" }] }, finishReason: "STOP", index: 0 }],
  usageMetadata: {
    promptTokenCount: 1000,
    cachedContentTokenCount: 800,
    candidatesTokenCount: 100,
    thoughtsTokenCount: 900,
    totalTokenCount: 2000,
  },
};
const provider = http.createServer((asked, answer) => {
  asked.resume();
  const streamed = asked.url.includes("stream");
  answer.setHeader("content-type", streamed ? "text/event-stream" : "application/json");
  answer.end(streamed ? `data: ${JSON.stringify(told)}\r\n\r\n` : JSON.stringify(told));
});
await new Promise((ready) => provider.listen(0, "127.0.0.1", ready));
const endpoint = `http://127.0.0.1:${provider.address().port}`;
const chat = new ChatGoogle({ model: "gemini-2.5-pro", apiKey: "none", endpoint });

const invoked = (await chat.invoke("hello")).usage_metadata;
let streamed;
for await (const chunk of await chat.stream("hello")) streamed = streamed ? streamed.concat(chunk) : chunk;
streamed = streamed.usage_metadata;
let events;
for await (const event of chat.streamEvents("hello")) if (event.event === "message-finish") events = event.usage;
provider.closeAllConnections();
provider.close();

const version = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version;
console.log(`@langchain/google ${version("@langchain/google")}, core ${version("@langchain/core")}`);
for (const [how, usage] of Object.entries({ invoked, streamed, events })) console.log(`${how}:`, JSON.stringify(usage));
const whole = [invoked, streamed].every(
  (usage) => usage.output_tokens === 1000 && usage.input_token_details.cache_read === 800,
);
const part = JSON.stringify(events) === '{"input_tokens":1000,"output_tokens":100,"total_tokens":2000}';
process.exit(whole && part ? 0 : 1);
END
node seen.mjs
