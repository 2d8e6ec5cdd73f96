#!/bin/sh
# The OpenTelemetry instrumentation of OpenAI's package for Node leaves the usage that a stream tells out of its span.
#
# Guess: a call with `stream_options: {include_usage: true}` has the same counts in its span as without a stream.
# Seen:  not streamed, 1,000 tokens in and 100 out; streamed none at all, though the last event of the stream has them.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" @traceloop/instrumentation-openai@0.27.0 openai@6.10.0 \
  @opentelemetry/sdk-trace-node@2.2.0 @opentelemetry/api@1.9.0 >/dev/null 2>&1
cat >seen.mjs <<'END'
import http from "node:http";
import { readFileSync } from "node:fs";
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-node";
import { OpenAIInstrumentation } from "@traceloop/instrumentation-openai";
import OpenAI from "openai";

const usage = { prompt_tokens: 1000, completion_tokens: 100, total_tokens: 1100 };
const head = { id: "c", created: 1, model: "gpt-5" };
const message = { role: "assistant", content: "x" };
const whole = { ...head, object: "chat.completion", choices: [{ index: 0, finish_reason: "stop", message }], usage };
const piece = { ...head, object: "chat.completion.chunk" };
const events = [
  { ...piece, choices: [{ index: 0, delta: message, finish_reason: "stop" }] },
  { ...piece, choices: [], usage },
];
const provider = http.createServer(async (asked, answer) => {
  let text = "";
  for await (const part of asked) text += part;
  if (JSON.parse(text).stream_options?.include_usage) {
    answer.setHeader("content-type", "text/event-stream");
    for (const event of events) answer.write(`data: ${JSON.stringify(event)}\n\n`);
    answer.end("data: [DONE]\n\n");
  } else {
    answer.setHeader("content-type", "application/json");
    answer.end(JSON.stringify(whole));
  }
});
await new Promise((ready) => provider.listen(0, "127.0.0.1", ready));

const exporter = new InMemorySpanExporter();
const tracerProvider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
const instrumentation = new OpenAIInstrumentation();
instrumentation.setTracerProvider(tracerProvider);
instrumentation.manuallyInstrument(OpenAI);
const client = new OpenAI({ apiKey: "none", baseURL: `http://127.0.0.1:${provider.address().port}/v1` });
const call = { model: "gpt-5", messages: [{ role: "user", content: "hello" }] };
await client.chat.completions.create(call);
const stream = await client.chat.completions.create({
  ...call,
  stream: true,
  stream_options: { include_usage: true },
});
let told;
for await (const chunk of stream) told = chunk.usage ?? told;
provider.closeAllConnections();
provider.close();

const version = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version;
for (const name of ["@traceloop/instrumentation-openai", "openai"]) console.log(name, version(name));
console.log("the stream told:", JSON.stringify(told));
const counts = exporter.getFinishedSpans().map(({ attributes }) => {
  const names = Object.keys(attributes).filter((name) => name.includes("usage"));
  return Object.fromEntries(names.map((name) => [name, attributes[name]]));
});
for (const count of counts) console.log("span:", JSON.stringify(count));
const right = counts.length === 2 && counts[0]["gen_ai.usage.input_tokens"] === 1000 && told.prompt_tokens === 1000;
process.exit(right && Object.keys(counts[1]).length === 0 ? 0 : 1);
END
node seen.mjs
