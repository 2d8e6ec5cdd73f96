#!/bin/sh
# PostHog's processor for OpenAI's Agents SDK in JS leaves the cached tokens out of what it tells, on the API that the SDK uses.
#
# Guess: of 10,000 tokens in, 9,000 of them from the cache, PostHog is told both counts, whichever API has answered.
# Seen:  on Chat Completions it is; on Responses, the SDK's default, it is told the 10,000 alone: by gpt-5's rates
#        what came in so seems to cost $0.0125, and costs $0.002375.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" @posthog/ai@8.13.1 @openai/agents@0.8.5 \
  openai@6.48.0 posthog-node@5.70.0 zod@4.6.7 >/dev/null 2>&1
cat >seen.mjs <<'END'
import http from "node:http";
import { readFileSync } from "node:fs";
import { Agent, OpenAIProvider, Runner, setTraceProcessors } from "@openai/agents";
import { PostHogTracingProcessor } from "@posthog/ai/openai-agents";

const chat = {
  id: "c",
  object: "chat.completion",
  created: 1,
  model: "gpt-5",
  choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "x" } }],
  usage: {
    prompt_tokens: 10000,
    completion_tokens: 100,
    total_tokens: 10100,
    prompt_tokens_details: { cached_tokens: 9000 },
  },
};
const said = { type: "output_text", text: "x", annotations: [] };
const response = {
  id: "r",
  object: "response",
  created_at: 1,
  model: "gpt-5",
  status: "completed",
  output: [{ id: "m", type: "message", role: "assistant", status: "completed", content: [said] }],
  usage: {
    input_tokens: 10000,
    input_tokens_details: { cached_tokens: 9000 },
    output_tokens: 100,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 10100,
  },
};
const provider = http.createServer((asked, answer) => {
  asked.resume();
  answer.setHeader("content-type", "application/json");
  answer.end(JSON.stringify(asked.url.endsWith("/responses") ? response : chat));
});
await new Promise((ready) => provider.listen(0, "127.0.0.1", ready));
const baseURL = `http://127.0.0.1:${provider.address().port}/v1`;

const told = [];
const client = { capture: (event) => told.push(event), flush: async () => {} };
setTraceProcessors([new PostHogTracingProcessor({ client, distinctId: "user" })]);
const seen = {};
for (const useResponses of [false, true]) {
  told.length = 0;
  const runner = new Runner({ modelProvider: new OpenAIProvider({ apiKey: "none", baseURL, useResponses }) });
  await runner.run(new Agent({ name: "agent", model: "gpt-5" }), "hello");
  const { properties } = told.find(({ event }) => event === "$ai_generation");
  const names = Object.keys(properties).filter((name) => name.includes("tokens") || name.includes("cache"));
  seen[useResponses ? "Responses" : "Chat Completions"] = Object.fromEntries(names.map((name) => [name, properties[name]]));
}
provider.closeAllConnections();
provider.close();

const version = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version;
for (const name of ["@posthog/ai", "@openai/agents"]) console.log(name, version(name));
for (const [api, counts] of Object.entries(seen)) console.log(`${api}:`, JSON.stringify(counts));
const same = Object.values(seen).every((counts) => counts.$ai_input_tokens === 10000);
const cached = Object.values(seen).map((counts) => counts.$ai_cache_read_input_tokens);
process.exit(same && cached[0] === 9000 && cached[1] === undefined ? 0 : 1);
END
node seen.mjs
