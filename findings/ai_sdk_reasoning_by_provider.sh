#!/bin/sh
# Vercel's provider for APIs like OpenAI's leaves out of the output what xAI's models reason, though the answer's total has it.
#
# Guess: one answer has one usage, whichever of Vercel's providers read it; 94 tokens of reasoning are billed as output.
# Seen:  `@ai-sdk/xai` says 103 tokens out and 135 in all, as the answer does; `@ai-sdk/openai-compatible` says
#        9 out, 94 of them reasoning, and 41 in all: it makes its own total and does not look at the answer's.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" @ai-sdk/openai-compatible@2.0.92 @ai-sdk/xai@3.0.138 ai@6.0.326 >/dev/null 2>&1
cat >seen.mjs <<'END'
import http from "node:http";
import { readFileSync } from "node:fs";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { createXai } from "@ai-sdk/xai";
import { generateText } from "ai";

// What xAI's API tells: reasoning is beside the completion, not a part of it.
const told = {
  id: "c",
  object: "chat.completion",
  created: 1,
  model: "grok-4",
  choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "x" } }],
  usage: {
    prompt_tokens: 32,
    completion_tokens: 9,
    total_tokens: 135,
    completion_tokens_details: { reasoning_tokens: 94 },
  },
};
const provider = http.createServer((asked, answer) => {
  asked.resume();
  answer.setHeader("content-type", "application/json");
  answer.end(JSON.stringify(told));
});
await new Promise((ready) => provider.listen(0, "127.0.0.1", ready));
const where = { apiKey: "none", baseURL: `http://127.0.0.1:${provider.address().port}/v1` };
const models = {
  "@ai-sdk/xai": createXai(where).chat("grok-4"),
  "@ai-sdk/openai-compatible": createOpenAICompatible({ name: "xai", ...where })("grok-4"),
};
const seen = {};
for (const [name, model] of Object.entries(models)) seen[name] = (await generateText({ model, prompt: "hello" })).usage;
provider.closeAllConnections();
provider.close();

console.log("told:", JSON.stringify(told.usage));
for (const [name, usage] of Object.entries(seen)) {
  const { version } = JSON.parse(readFileSync(`node_modules/${name}/package.json`));
  const { inputTokens, outputTokens, reasoningTokens, totalTokens } = usage;
  console.log(`${name} ${version}:`, JSON.stringify({ inputTokens, outputTokens, reasoningTokens, totalTokens }));
}
const [own, like] = Object.values(seen);
process.exit(own.outputTokens === 103 && like.outputTokens === 9 && like.totalTokens === 41 ? 0 : 1);
END
node seen.mjs
