#!/bin/sh
# LangChain's JavaScript package for Anthropic leaves the pages that a search has found out of the usage of a streamed call.
#
# Guess: a call that lets Claude search the web says the same tokens streamed as not: 10,682 in, as the provider tells.
# Seen:  streamed, 2,679 in, which is the prompt before the search. `message_delta` tells the whole; the package puts 0 there.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" @langchain/anthropic@1.5.11 @langchain/core@1.4.0 >/dev/null 2>&1
cat >seen.mjs <<'END'
import http from "node:http";
import { readFileSync } from "node:fs";
import { ChatAnthropic } from "@langchain/anthropic";

// What Anthropic tells of a search: the prompt's tokens as it begins, and at the end those of all that was read.
const cache = { cache_creation_input_tokens: 0, cache_read_input_tokens: 0 };
const first = { input_tokens: 2679, output_tokens: 3, ...cache };
const whole = { input_tokens: 10682, output_tokens: 510, ...cache, server_tool_use: { web_search_requests: 1 } };
const message = { id: "msg_1", type: "message", role: "assistant", model: "claude-sonnet-4-5", stop_sequence: null };
const events = [
  { type: "message_start", message: { ...message, content: [], stop_reason: null, usage: first } },
  { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
  { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "It is sunny." } },
  { type: "content_block_stop", index: 0 },
  { type: "message_delta", delta: { stop_reason: "end_turn", stop_sequence: null }, usage: whole },
  { type: "message_stop" },
];
const answered = { ...message, content: [{ type: "text", text: "It is sunny." }], stop_reason: "end_turn", usage: whole };
const provider = http.createServer(async (asked, answer) => {
  let body = "";
  for await (const part of asked) body += part;
  const streamed = JSON.parse(body).stream;
  answer.setHeader("content-type", streamed ? "text/event-stream" : "application/json");
  const told = events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join("");
  answer.end(streamed ? told : JSON.stringify(answered));
});
await new Promise((ready) => provider.listen(0, "127.0.0.1", ready));

const model = new ChatAnthropic({
  model: "claude-sonnet-4-5",
  apiKey: "none",
  anthropicApiUrl: `http://127.0.0.1:${provider.address().port}`,
}).bindTools([{ type: "web_search_20250305", name: "web_search", max_uses: 1 }]);
const answerOfOne = await model.invoke("What is the weather?");
let sum;
for await (const chunk of await model.stream("What is the weather?")) sum = sum ? sum.concat(chunk) : chunk;
provider.closeAllConnections();
provider.close();

const version = (name) => JSON.parse(readFileSync(`node_modules/@langchain/${name}/package.json`)).version;
console.log(`@langchain/anthropic ${version("anthropic")}, @langchain/core ${version("core")}`);
console.log("not streamed:", JSON.stringify(answerOfOne.usage_metadata));
console.log("streamed:    ", JSON.stringify(sum.usage_metadata));
const found = answerOfOne.usage_metadata.input_tokens === 10682 && sum.usage_metadata.input_tokens === 2679;
process.exit(found ? 0 : 1);
END
node seen.mjs
