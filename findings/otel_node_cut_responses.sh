#!/bin/sh
# OpenTelemetry's instrumentation of OpenAI's package for Node counts nothing of a streamed response that was cut.
#
# Guess: a response that stopped at `max_output_tokens` is billed as others are: it has its usage in the span as they do.
# Seen:  1,000 tokens in and 100 out not streamed; streamed none, as only `response.completed` is read, not `response.incomplete`.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" @opentelemetry/instrumentation-openai@0.21.0 openai@6.10.0 \
  @opentelemetry/sdk-trace-node@2.2.0 @opentelemetry/api@1.9.0 >/dev/null 2>&1
cat >seen.cjs <<'END'
const http = require("node:http");
const { metrics } = require("@opentelemetry/api");
const { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } = require("@opentelemetry/sdk-trace-node");
const { OpenAIInstrumentation } = require("@opentelemetry/instrumentation-openai");

const exporter = new InMemorySpanExporter();
const instrumentation = new OpenAIInstrumentation();
instrumentation.setTracerProvider(new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
instrumentation.setMeterProvider(metrics.getMeterProvider());
instrumentation.enable();
const OpenAI = require("openai");

const content = [{ type: "output_text", text: "x", annotations: [] }];
const response = (status) => ({
  id: "r",
  object: "response",
  created_at: 1,
  model: "gpt-5",
  status,
  incomplete_details: status === "incomplete" ? { reason: "max_output_tokens" } : null,
  output: [{ type: "message", id: "m", role: "assistant", status, content }],
  usage: { input_tokens: 1000, output_tokens: 100, total_tokens: 1100 },
});
let status;
const provider = http.createServer(async (asked, answer) => {
  let text = "";
  for await (const part of asked) text += part;
  const whole = response(status);
  if (!JSON.parse(text).stream) {
    answer.setHeader("content-type", "application/json");
    answer.end(JSON.stringify(whole));
    return;
  }
  const events = [
    { type: "response.created", response: { ...whole, status: "in_progress", output: [], usage: null } },
    { type: "response.output_item.done", output_index: 0, item: whole.output[0] },
    { type: `response.${status}`, response: whole },
  ];
  answer.setHeader("content-type", "text/event-stream");
  answer.end(events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(""));
});

async function main() {
  await new Promise((ready) => provider.listen(0, "127.0.0.1", ready));
  const client = new OpenAI({ apiKey: "none", baseURL: `http://127.0.0.1:${provider.address().port}/v1` });
  const seen = {};
  for (status of ["completed", "incomplete"]) {
    for (const stream of [false, true]) {
      const answer = await client.responses.create({ model: "gpt-5", input: "hello", max_output_tokens: 100, stream });
      if (stream) for await (const event of answer) void event;
      const { attributes } = exporter.getFinishedSpans().at(-1);
      const counts = [attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"]];
      seen[`${status}${stream ? ", streamed" : ""}`] = counts.map((count) => count ?? "none").join(" in, ") + " out";
    }
  }
  provider.closeAllConnections();
  provider.close();
  for (const name of ["@opentelemetry/instrumentation-openai", "openai"]) {
    console.log(name, JSON.parse(require("node:fs").readFileSync(`node_modules/${name}/package.json`)).version);
  }
  for (const [kind, counts] of Object.entries(seen)) console.log(`${kind}: ${counts}`);
  const spans = exporter.getFinishedSpans().length;
  const all = "1000 in, 100 out";
  const right = spans === 4 && JSON.stringify(Object.values(seen)) === JSON.stringify([all, all, all, "none in, none out"]);
  process.exit(right ? 0 : 1);
}
main();
END
node seen.cjs
