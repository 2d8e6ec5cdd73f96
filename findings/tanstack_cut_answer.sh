#!/bin/sh
# TanStack AI tells nothing of what an answer of Anthropic's has used that was cut at its longest, and calls it an error.
#
# Guess: an answer that stopped at `max_tokens` is the most expensive of its kind: it ends as others do, with its usage.
# Seen:  it ends with RUN_ERROR, which has no usage: 1,000 tokens in and 100 out that are paid and nowhere told.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" @tanstack/ai@0.58.0 @tanstack/ai-anthropic@0.18.11 >/dev/null 2>&1
cat >seen.mjs <<'END'
import http from "node:http";
import { readFileSync } from "node:fs";
import { chat } from "@tanstack/ai";
import { createAnthropicChat } from "@tanstack/ai-anthropic";

const head = { id: "m", type: "message", role: "assistant", model: "claude-sonnet-4-5", content: [] };
const usage = { input_tokens: 1000, output_tokens: 100 };
const events = (stop_reason) => [
  { type: "message_start", message: { ...head, stop_reason: null, stop_sequence: null, usage } },
  { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
  { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "x" } },
  { type: "content_block_stop", index: 0 },
  { type: "message_delta", delta: { stop_reason, stop_sequence: null }, usage },
  { type: "message_stop" },
];
let reason;
const provider = http.createServer((asked, answer) => {
  asked.resume();
  answer.setHeader("content-type", "text/event-stream");
  for (const event of events(reason)) answer.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  answer.end();
});
await new Promise((ready) => provider.listen(0, "127.0.0.1", ready));
const baseURL = `http://127.0.0.1:${provider.address().port}`;
const adapter = createAnthropicChat("claude-sonnet-4-5", "none", { baseURL });
const asked = { adapter, messages: [{ role: "user", content: "hello" }], modelOptions: { max_tokens: 100 } };
const seen = {};
for (reason of ["end_turn", "max_tokens"]) {
  const told = [];
  for await (const event of chat(asked)) told.push(event);
  const counted = told.filter((event) => event.usage).map((event) => event.usage.totalTokens);
  seen[reason] = [told.at(-1).type, ...counted];
}
provider.closeAllConnections();
provider.close();

const version = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version;
console.log(`@tanstack/ai ${version("@tanstack/ai")}, ai-anthropic ${version("@tanstack/ai-anthropic")}`);
for (const [stop, [type, tokens]] of Object.entries(seen)) console.log(`${stop}: ends with ${type}, tokens told: ${tokens ?? "none"}`);
const right = JSON.stringify(Object.values(seen)) === '[["RUN_FINISHED",1100],["RUN_ERROR"]]';
process.exit(right ? 0 : 1);
END
node seen.mjs
