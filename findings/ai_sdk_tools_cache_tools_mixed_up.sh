#!/bin/sh
# @ai-sdk-tools/cache gives the model what one tool has said as the answer of another that was asked with the same arguments.
#
# Guess: `createCached()` makes one function to wrap all tools with, as its README shows; each tool answers for itself.
# Seen:  asked for a customer's limit the tool is not run: it "answers" with what the tool for the balance said of that customer.
#        The key is the arguments alone, and the tools share one store.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" @ai-sdk-tools/cache@1.2.0 ai@5.0.277 zod@4.1.13 >/dev/null 2>&1
cat >seen.mjs <<'END'
import { readFileSync } from "node:fs";
import { createCached } from "@ai-sdk-tools/cache";
import { generateText, stepCountIs, tool } from "ai";
import { MockLanguageModelV2 } from "ai/test";
import { z } from "zod";

const usage = { inputTokens: 1000, outputTokens: 10, totalTokens: 1010 };
const input = JSON.stringify({ customer: "7" });
let step = 0;
// Asks for the customer's balance, then for the limit, then answers.
const model = new MockLanguageModelV2({
  doGenerate: async () => {
    step += 1;
    const call = { type: "tool-call", toolCallId: `c${step}`, toolName: step === 1 ? "balance" : "limit", input };
    const content = [step < 3 ? call : { type: "text", text: "done" }];
    return { content, finishReason: step < 3 ? "tool-calls" : "stop", usage, warnings: [] };
  },
});
const run = { balance: 0, limit: 0 };
const inputSchema = z.object({ customer: z.string() });
const cached = createCached();
const tools = {
  balance: cached(
    tool({ description: "What the customer owes", inputSchema, execute: async () => ((run.balance += 1), { owes: 1200 }) }),
  ),
  limit: cached(
    tool({ description: "What the customer may owe", inputSchema, execute: async () => ((run.limit += 1), { at_most: 500 }) }),
  ),
};
const { steps } = await generateText({ model, prompt: "May customer 7 order?", tools, stopWhen: stepCountIs(5) });
const told = steps.flatMap((each) => each.toolResults).map(({ toolName, output }) => [toolName, output]);

console.log("@ai-sdk-tools/cache", JSON.parse(readFileSync("node_modules/@ai-sdk-tools/cache/package.json")).version);
for (const [name, output] of told) console.log(`  ${name}: run ${run[name]} times, told ${JSON.stringify(output)}`);
process.exit(JSON.stringify([told, run.limit]) === '[[["balance",{"owes":1200}],["limit",{"owes":1200}]],0]' ? 0 : 1);
END
node seen.mjs
