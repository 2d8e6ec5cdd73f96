#!/bin/sh
# @just-every/ensemble counts the whole input of each call to Claude twice: $0.615 told of $0.315.
#
# Guess: its tracker of costs has 100,000 tokens in for a prompt of 100,000, as Claude tells the running total in two events.
# Seen:  it adds what `message_delta` tells to what `message_start` has told: 200,000 in. Of OpenAI's answer, which has its usage
#        once, it has 100,000. (A limit that is held against its total ends at half of the money.)
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" @just-every/ensemble@0.2.210 >/dev/null 2>&1
cat >seen.mjs <<'END'
import http from "node:http";
import { readFileSync } from "node:fs";

const usage = { input_tokens: 100000, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 1000 };
const message = { id: "m", type: "message", role: "assistant", model: "claude", content: [], stop_reason: null, stop_sequence: null };
const claude = [
  { type: "message_start", message: { ...message, usage: { ...usage, output_tokens: 0 } } },
  { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
  { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "ok" } },
  { type: "content_block_stop", index: 0 },
  { type: "message_delta", delta: { stop_reason: "end_turn", stop_sequence: null }, usage },
  { type: "message_stop" },
];
const part = { type: "output_text", text: "ok", annotations: [] };
const item = { type: "message", id: "i", role: "assistant", status: "completed", content: [part] };
const { input_tokens, output_tokens } = usage;
const gpt = [
  { type: "response.created", response: { id: "r", status: "in_progress" } },
  { type: "response.output_item.done", output_index: 0, item },
  { type: "response.completed", response: { id: "r", output: [item], usage: { input_tokens, output_tokens, total_tokens: 101000 } } },
];
const provider = http.createServer(async (request, answer) => {
  for await (const part of request) part;
  answer.setHeader("content-type", "text/event-stream");
  const events = request.url.endsWith("/messages") ? claude : gpt;
  answer.end(events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(""));
});
await new Promise((ready) => provider.listen(0, "127.0.0.1", ready));
const here = `http://127.0.0.1:${provider.address().port}`;
const keys = { ANTHROPIC_API_KEY: "sk-ant-none", OPENAI_API_KEY: "sk-none" };
Object.assign(process.env, { ...keys, ANTHROPIC_BASE_URL: here, OPENAI_BASE_URL: `${here}/v1` });
const say = console.log;
console.log = console.info = console.warn = console.error = () => {};
const { costTracker, ensembleRequest } = await import("@just-every/ensemble");

async function told(model) {
  const before = costTracker.getTotalCost();
  let tokens;
  for await (const event of ensembleRequest([{ type: "message", role: "user", content: "hello" }], { model })) {
    if (event.type === "cost_update") tokens = event.usage.input_tokens;
  }
  return [tokens, Number((costTracker.getTotalCost() - before).toFixed(6))];
}
const seen = [await told("gpt-5"), await told("claude-sonnet-4-5")];
provider.closeAllConnections();
provider.close();

say("@just-every/ensemble", JSON.parse(readFileSync("node_modules/@just-every/ensemble/package.json")).version);
say(`  gpt-5:             ${seen[0][0]} in, told $${seen[0][1]}, billed $${(100000 * 1.25 + 1000 * 10) / 1e6}`);
say(`  claude-sonnet-4-5: ${seen[1][0]} in, told $${seen[1][1]}, billed $${(100000 * 3 + 1000 * 15) / 1e6}`);
process.exit(JSON.stringify(seen) === "[[100000,0.135],[200000,0.615]]" ? 0 : 1);
END
node seen.mjs
