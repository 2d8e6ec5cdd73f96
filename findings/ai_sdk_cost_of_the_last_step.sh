#!/bin/sh
# ai-sdk-cost-calculator, used in `onFinish` as its README shows, counts only the last step of an agent's loop.
#
# Guess: `withCost` and the session of `createCostAwareAI` give what the call to `generateText` cost.
# Seen:  three tool calls and an answer of the Vercel AI SDK, four model calls of $0.0035 each: $0.0035 told, $0.014 billed.
#        The SDK's `usage` is the last step's; the sum is in `totalUsage`, which lies beside it unread.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" ai@6.0.326 ai-sdk-cost-calculator@7.1.14 zod@4.6.7 >/dev/null
cat >seen.mjs <<'END'
import { generateText, stepCountIs, tool } from "ai";
import { MockLanguageModelV3 } from "ai/test";
import { createCostAwareAI, withCost } from "ai-sdk-cost-calculator";
import { createRequire } from "node:module";
import { z } from "zod";

const versionOf = (name) => createRequire(import.meta.url)(`./node_modules/${name}/package.json`).version;
const USAGE = {
  inputTokens: { total: 1000, noCache: 1000, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 100, text: 100, reasoning: 0 },
};
const CALLS = 4;
const PER_CALL = 0.0035; // 1,000 tokens at $2.50 and 100 at $10 a million

/** Asks for a tool until its last call, each of which the provider bills. */
function model() {
  let made = 0;
  return new MockLanguageModelV3({
    modelId: "gpt-4o",
    doGenerate: async () => {
      made += 1;
      const last = made === CALLS;
      const call = { type: "tool-call", toolCallId: `c${made}`, toolName: "look", input: "{}" };
      return {
        content: [last ? { type: "text", text: "done" } : call],
        finishReason: last ? { unified: "stop", raw: "stop" } : { unified: "tool-calls", raw: "tool_calls" },
        usage: USAGE,
        warnings: [],
      };
    },
  });
}

async function run(onFinish) {
  const tools = { look: tool({ inputSchema: z.object({}), execute: async () => "seen" }) };
  return generateText({ model: model(), prompt: "hello", tools, stopWhen: stepCountIs(9), onFinish });
}

const told = [];
const result = await run(withCost("gpt-4o", ({ cost }) => told.push(cost.totalCost)));
const session = [];
await run(createCostAwareAI({ onCost: (_, cost) => session.push(cost.totalCost) }).onFinish("gpt-4o"));

for (const name of ["ai", "ai-sdk-cost-calculator"]) console.log(name, versionOf(name));
console.log(`model calls: ${result.steps.length}, billed $${(PER_CALL * CALLS).toFixed(4)}`);
console.log(`withCost told $${told}, the session $${session}`);
process.exit(result.steps.length === CALLS && told[0] === PER_CALL && session[0] === PER_CALL ? 0 : 1);
END
node seen.mjs
