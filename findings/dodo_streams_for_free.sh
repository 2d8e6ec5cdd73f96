#!/bin/sh
# Dodo Payments' meter bills a customer 0 tokens for an answer that is streamed, without a word.
#
# Guess: a wrapped client tells the usage of a stream when it ends, or refuses to stream, as nobody would be billed.
# Seen:  1,000 tokens in and 100 out: `streamText` is an event of 0 tokens, sent before the answer; OpenAI's stream is none.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" @dodopayments/ingestion-blueprints@0.6.1 \
  dodopayments@2.52.0 ai@6.0.326 @ai-sdk/openai@3.0.141 openai@7.1.0 >/dev/null
cat >seen.mjs <<'END'
import { readFileSync } from "node:fs";
import { createOpenAI } from "@ai-sdk/openai";
import { createLLMTracker } from "@dodopayments/ingestion-blueprints";
import { streamText } from "ai";
import OpenAI from "openai";

const chunk = { id: "c", object: "chat.completion.chunk", created: 1, model: "gpt-4o" };
const EVENTS = [
  { ...chunk, choices: [{ index: 0, delta: { role: "assistant", content: "x" }, finish_reason: null }] },
  { ...chunk, choices: [{ index: 0, delta: {}, finish_reason: "stop" }] },
  { ...chunk, choices: [], usage: { prompt_tokens: 1000, completion_tokens: 100, total_tokens: 1100 } },
];
const events = [];
// Stands in for both hosts, so that nothing leaves the process.
globalThis.fetch = async (address, options) => {
  if (String(address?.url ?? address).includes("dodopayments")) {
    events.push(...JSON.parse(await new Response(options.body).text()).events);
    return Response.json({ ingested_count: 1 });
  }
  const body = EVENTS.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("") + "data: [DONE]\n\n";
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
};

const tracker = createLLMTracker({ apiKey: "none", environment: "test_mode", eventName: "tokens" });
const wrap = (client) => tracker.wrap({ client, customerId: "customer" });
for (const name of ["@dodopayments/ingestion-blueprints", "ai", "openai"]) {
  console.log(name, JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version);
}

const answer = await wrap({ streamText }).streamText({ model: createOpenAI({ apiKey: "none" }).chat("gpt-4o"), prompt: "x" });
for await (const _ of answer.textStream);
const { inputTokens, outputTokens } = await answer.usage;
const told = events.splice(0).map(({ metadata }) => metadata);
console.log(`streamText: ${inputTokens} in, ${outputTokens} out; billed: ${JSON.stringify(told)}`);

const stream = await wrap(new OpenAI({ apiKey: "none" })).chat.completions.create({
  model: "gpt-4o", stream: true, stream_options: { include_usage: true }, messages: [{ role: "user", content: "x" }],
});
let usage;
for await (const part of stream) usage = part.usage ?? usage;
console.log(`openai: ${usage.prompt_tokens} in, ${usage.completion_tokens} out; billed: ${JSON.stringify(events)}`);

const zeros = told.length === 1 && told[0].inputTokens === 0 && told[0].outputTokens === 0;
process.exitCode = inputTokens === 1000 && zeros && usage.prompt_tokens === 1000 && events.length === 0 ? 0 : 1;
END
node seen.mjs
