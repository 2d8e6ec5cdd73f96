#!/bin/sh
# Langfuse's wrapper of OpenAI's package tells nothing of a streamed call whose reader stops early: no observation at all.
#
# Guess: a call that was made, and is billed, is there, with what was read of it; its usage may be missing.
# Seen:  read to its end, one observation with 1,000 tokens in; left by a `break` after three chunks, none.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" @langfuse/openai@5.11.1 @langfuse/tracing@5.11.1 \
  openai@7.1.0 @opentelemetry/api@1.9.1 @opentelemetry/sdk-trace-node@2.12.1 >/dev/null
cat >seen.mjs <<'END'
import http from "node:http";
import { readFileSync } from "node:fs";
import { observeOpenAI } from "@langfuse/openai";
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-node";
import OpenAI from "openai";

const WORDS = 6;
const USAGE = { prompt_tokens: 1000, completion_tokens: 100, total_tokens: 1100 };
let asked = 0;
/** Streams some words, an end and the usage. */
const provider = http.createServer((request, response) => {
  request.resume().on("end", () => {
    asked += 1;
    const chunk = { id: "c", object: "chat.completion.chunk", created: 1, model: "gpt-4o" };
    const words = Array.from({ length: WORDS }, (_, number) => (
      { ...chunk, choices: [{ index: 0, delta: { role: "assistant", content: `word ${number} ` }, finish_reason: null }] }
    ));
    const end = { ...chunk, choices: [{ index: 0, delta: {}, finish_reason: "stop" }] };
    const events = [...words, end, { ...chunk, choices: [], usage: USAGE }];
    response.setHeader("content-type", "text/event-stream");
    response.end(events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("") + "data: [DONE]\n\n");
  });
});

const exporter = new InMemorySpanExporter();
const tracer = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
tracer.register();

/** The observations of one streamed call of which at most so many chunks are read. */
async function observed(client, chunks) {
  exporter.reset();
  const stream = await client.chat.completions.create({
    model: "gpt-4o", stream: true, stream_options: { include_usage: true }, messages: [{ role: "user", content: "x" }],
  });
  let read = 0;
  for await (const _ of stream) {
    read += 1;
    if (read === chunks) break;
  }
  await tracer.forceFlush();
  const usages = exporter.getFinishedSpans().map(({ attributes }) => attributes["langfuse.observation.usage_details"]);
  console.log(`${read} chunks read: ${usages.length} observations ${usages.join(", ")}`);
  return usages;
}

provider.listen(0, "127.0.0.1", async () => {
  for (const name of ["@langfuse/openai", "openai"]) {
    console.log(name, JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version);
  }
  const baseURL = `http://127.0.0.1:${provider.address().port}/v1`;
  const client = observeOpenAI(new OpenAI({ apiKey: "none", baseURL, maxRetries: 0 }));
  const whole = await observed(client, Infinity);
  const early = await observed(client, 3);
  provider.close();
  provider.closeAllConnections();
  const told = whole.length === 1 && JSON.parse(whole[0]).input === 1000;
  process.exitCode = told && early.length === 0 && asked === 2 ? 0 : 1;
});
END
node seen.mjs
