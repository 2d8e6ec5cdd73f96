#!/bin/sh
# Vercel's `ai` package tells every token in two of its spans, under the same name: summed over a trace, usage is double.
#
# Guess: of an attribute that counts something, the sum over a trace's spans is the count; 4,000 tokens in.
# Seen:  8,000 as `ai.usage.inputTokens`, as each step's span has its own and the span around them has all of them again;
#        `gen_ai.usage.input_tokens`, which stands beside it in the steps' spans alone, is 4,000.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" ai@6.0.326 @ai-sdk/openai@3.0.141 \
  @opentelemetry/api@1.9.1 @opentelemetry/sdk-trace-node@2.12.1 >/dev/null
cat >seen.mjs <<'END'
import { readFileSync } from "node:fs";
import { createOpenAI } from "@ai-sdk/openai";
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-node";
import { generateText, jsonSchema, stepCountIs, tool } from "ai";

const CALLS = 4;
let asked = 0;
// Stands in for the provider: it calls the tool three times, then answers; 1,000 tokens in for each call.
globalThis.fetch = async () => {
  asked += 1;
  const call = { type: "function_call", id: `f${asked}`, call_id: `c${asked}`, name: "look", arguments: "{}", status: "completed" };
  const content = [{ type: "output_text", text: "done", annotations: [] }];
  const message = { type: "message", id: "m", role: "assistant", status: "completed", content };
  return Response.json({
    id: `r${asked}`, object: "response", created_at: 1, model: "gpt-5", status: "completed",
    output: [asked < CALLS ? call : message],
    usage: {
      input_tokens: 1000, input_tokens_details: { cached_tokens: 0 },
      output_tokens: 100, output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: 1100,
    },
  });
};

const exporter = new InMemorySpanExporter();
new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
const look = tool({ inputSchema: jsonSchema({ type: "object", properties: {} }), execute: async () => "a page" });
await generateText({
  model: createOpenAI({ apiKey: "none" })("gpt-5"),
  prompt: "find it",
  tools: { look },
  stopWhen: stepCountIs(10),
  experimental_telemetry: { isEnabled: true },
});

for (const name of ["ai", "@ai-sdk/openai"]) {
  console.log(name, JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version);
}
const spans = exporter.getFinishedSpans();
for (const { name, attributes } of spans) {
  if ("ai.usage.inputTokens" in attributes) console.log(`${name}: ai.usage.inputTokens ${attributes["ai.usage.inputTokens"]}`);
}
const sum = (name) => spans.reduce((tokens, { attributes }) => tokens + (attributes[name] ?? 0), 0);
const [own, standard] = [sum("ai.usage.inputTokens"), sum("gen_ai.usage.input_tokens")];
console.log(`billed: ${1000 * asked} in; summed over the spans: ${own} by the package's name, ${standard} by OpenTelemetry's`);
process.exitCode = asked === CALLS && own === 8000 && standard === 4000 ? 0 : 1;
END
node seen.mjs
