#!/bin/sh
# Databricks' provider for Vercel's `ai` package says that of a million tokens none was from the cache, and none was not.
#
# Guess: parts of a usage that are not known are `undefined`, as the package's types allow; those that are add up to the total.
# Seen:  the total is there, and each part of it is 0: not cached, read, written, text, reasoning. Priced by part it is free.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" @databricks/ai-sdk-provider@0.5.1 @ai-sdk/openai@3.0.141 \
  ai@6.0.326 >/dev/null 2>&1
cat >seen.mjs <<'END'
import http from "node:http";
import { readFileSync } from "node:fs";
import { createOpenAI } from "@ai-sdk/openai";
import { createDatabricksProvider } from "@databricks/ai-sdk-provider";
import { generateText } from "ai";

const usage = {
  prompt_tokens: 1000000,
  completion_tokens: 1000,
  total_tokens: 1001000,
  prompt_tokens_details: { cached_tokens: 900000 },
};
const message = { role: "assistant", content: "x" };
const told = {
  id: "c",
  object: "chat.completion",
  created: 1,
  model: "gpt-5",
  choices: [{ index: 0, finish_reason: "stop", message }],
  usage,
};
const provider = http.createServer((asked, answer) => {
  asked.resume();
  answer.setHeader("content-type", "application/json");
  answer.end(JSON.stringify(told));
});
await new Promise((ready) => provider.listen(0, "127.0.0.1", ready));
const baseURL = `http://127.0.0.1:${provider.address().port}`;
const models = {
  "@databricks/ai-sdk-provider": createDatabricksProvider({ baseURL, headers: {} }).chatCompletions("gpt-5"),
  "@ai-sdk/openai": createOpenAI({ apiKey: "none", baseURL }).chat("gpt-5"),
};

// gpt-5's list prices in dollars a million tokens, each kind by its own; a part that is not known is taken from the total.
const cost = ({ inputTokens, inputTokenDetails: parts, outputTokens, outputTokenDetails: out }) => {
  const read = parts.cacheReadTokens ?? 0;
  const full = parts.noCacheTokens ?? inputTokens - read;
  const text = out.textTokens ?? outputTokens - (out.reasoningTokens ?? 0);
  return (full * 1.25 + read * 0.125 + (text + (out.reasoningTokens ?? 0)) * 10) / 1e6;
};
const seen = [];
for (const [name, model] of Object.entries(models)) {
  const { usage: counted } = await generateText({ model, prompt: "hello" });
  const version = JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version;
  const { inputTokens, inputTokenDetails: parts, outputTokens } = counted;
  console.log(name, version);
  console.log(`  ${inputTokens} in: not cached ${parts.noCacheTokens}, read ${parts.cacheReadTokens}; ${outputTokens} out`);
  console.log(`  by its parts: $${cost(counted)}`);
  seen.push([inputTokens, parts.noCacheTokens, parts.cacheReadTokens, cost(counted)]);
}
provider.closeAllConnections();
provider.close();
process.exit(JSON.stringify(seen) === "[[1000000,0,0,0],[1000000,100000,900000,0.2475]]" ? 0 : 1);
END
node seen.mjs
