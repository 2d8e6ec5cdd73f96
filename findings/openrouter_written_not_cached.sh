#!/bin/sh
# OpenRouter's provider for Vercel's `ai` package counts what was written to the cache among what was not cached, too.
#
# Guess: tokens not cached, read and written add up to all of the input, as with Vercel's own provider for Anthropic.
# Seen:  of 1,000,000 tokens, 900,000 of them written, 1,000,000 are "not cached" and 900,000 written: 1.9 millions in parts.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" @openrouter/ai-sdk-provider@2.10.0 @ai-sdk/anthropic@3.0.2 \
  ai@6.0.326 zod@4.1.13 >/dev/null 2>&1
cat >seen.mjs <<'END'
import http from "node:http";
import { readFileSync } from "node:fs";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenRouter } from "@openrouter/ai-sdk-provider";
import { generateText } from "ai";

// The same call of Claude's, as each server tells it: OpenRouter's prompt tokens are all of them, Anthropic's the rest.
const model = "claude-sonnet-4.5";
const routed = {
  id: "c",
  object: "chat.completion",
  created: 1,
  model,
  choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "x" } }],
  usage: {
    prompt_tokens: 1000000,
    completion_tokens: 10,
    total_tokens: 1000010,
    prompt_tokens_details: { cached_tokens: 0, cache_write_tokens: 900000 },
  },
};
const direct = {
  id: "m",
  type: "message",
  role: "assistant",
  model,
  content: [{ type: "text", text: "x" }],
  stop_reason: "end_turn",
  stop_sequence: null,
  usage: {
    input_tokens: 100000,
    output_tokens: 10,
    cache_read_input_tokens: 0,
    cache_creation_input_tokens: 900000,
  },
};
const server = http.createServer((asked, answer) => {
  asked.resume();
  answer.setHeader("content-type", "application/json");
  answer.end(JSON.stringify(asked.url.endsWith("/messages") ? direct : routed));
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const options = { apiKey: "none", baseURL: `http://127.0.0.1:${server.address().port}/v1` };
const models = {
  "@ai-sdk/anthropic": createAnthropic(options)(model),
  "@openrouter/ai-sdk-provider": createOpenRouter(options)(`anthropic/${model}`),
};
const seen = [];
for (const [name, model] of Object.entries(models)) {
  const { inputTokens, inputTokenDetails } = (await generateText({ model, prompt: "hello" })).usage;
  const { noCacheTokens, cacheReadTokens, cacheWriteTokens } = inputTokenDetails;
  const cost = (noCacheTokens * 3 + cacheReadTokens * 0.3 + cacheWriteTokens * 3.75) / 1e6;
  console.log(name, JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version);
  console.log(`  ${inputTokens} in:`, JSON.stringify(inputTokenDetails), `by its parts: $${cost}`);
  seen.push([inputTokens, noCacheTokens, cacheWriteTokens, cost]);
}
server.closeAllConnections();
server.close();
process.exit(JSON.stringify(seen) === "[[1000000,100000,900000,3.675],[1000000,1000000,900000,6.375]]" ? 0 : 1);
END
node seen.mjs
