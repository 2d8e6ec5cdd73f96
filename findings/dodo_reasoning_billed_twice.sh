#!/bin/sh
# Dodo Payments' meter for Vercel's `ai` package bills a customer for the tokens of a model's reasoning twice.
#
# Guess: the event says as many tokens out as the answer's usage, of which the reasoning is a part: 900.
# Seen:  it adds the part to the whole: 1,700 out, beside a total of 1,900 that says 1,000 in and 900 out.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" @dodopayments/ingestion-blueprints@0.6.1 \
  dodopayments@2.52.0 ai@6.0.326 @ai-sdk/openai@3.0.141 >/dev/null
cat >seen.mjs <<'END'
import { readFileSync } from "node:fs";
import { createOpenAI } from "@ai-sdk/openai";
import { createLLMTracker } from "@dodopayments/ingestion-blueprints";
import { generateText } from "ai";

const ANSWER = {
  id: "r", object: "response", created_at: 1, model: "gpt-5", status: "completed",
  output: [
    {
      type: "message", id: "m", role: "assistant", status: "completed",
      content: [{ type: "output_text", text: "x", annotations: [] }],
    },
  ],
  usage: {
    input_tokens: 1000, input_tokens_details: { cached_tokens: 0 },
    output_tokens: 900, output_tokens_details: { reasoning_tokens: 800 },
    total_tokens: 1900,
  },
};
const events = [];
// Stands in for both hosts, so that nothing leaves the process.
globalThis.fetch = async (address, options) => {
  if (!String(address?.url ?? address).includes("dodopayments")) {
    return Response.json(ANSWER);
  }
  events.push(...JSON.parse(await new Response(options.body).text()).events);
  return Response.json({ ingested_count: 1 });
};

const tracker = createLLMTracker({ apiKey: "none", environment: "test_mode", eventName: "tokens" });
const client = tracker.wrap({ client: { generateText }, customerId: "customer" });
const { usage } = await client.generateText({
  model: createOpenAI({ apiKey: "none" })("gpt-5"),
  prompt: "x",
});
for (const name of ["@dodopayments/ingestion-blueprints", "ai", "@ai-sdk/openai"]) {
  console.log(name, JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version);
}
console.log(`the answer: ${usage.inputTokens} in, ${usage.outputTokens} out, ${usage.reasoningTokens} of them reasoning`);
const { inputTokens, outputTokens, totalTokens } = events[0].metadata;
console.log(`billed: ${inputTokens} in, ${outputTokens} out, ${totalTokens} in all`);
const asTold = usage.outputTokens === 900 && usage.reasoningTokens === 800;
process.exitCode = asTold && events.length === 1 && outputTokens === 1700 && totalTokens === 1900 ? 0 : 1;
END
node seen.mjs
