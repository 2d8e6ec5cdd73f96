#!/bin/sh
# tokenlens bills what was read from a cache twice, where it is given the usage that Vercel's `ai` package tells.
#
# Guess: it is made for that package, whose `inputTokens` contain the cached ones: the rest is billed in full, those at their own rate.
# Seen:  all of the input is billed in full, and the cached tokens at their rate besides: $2.2625 for what costs $1.0125.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" tokenlens@1.3.1 ai@6.0.326 @ai-sdk/openai@3.0.141 >/dev/null 2>&1
cat >seen.mjs <<'END'
import http from "node:http";
import { readFileSync } from "node:fs";
import { createOpenAI } from "@ai-sdk/openai";
import { generateText } from "ai";
import { estimateCost } from "tokenlens";

// A million tokens of input came from the cache, 310,000 did not, and 50,000 were written.
const told = {
  id: "x",
  object: "chat.completion",
  created: 1,
  model: "gpt-5",
  choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "x" } }],
  usage: {
    prompt_tokens: 1310000,
    completion_tokens: 50000,
    total_tokens: 1360000,
    prompt_tokens_details: { cached_tokens: 1000000 },
  },
};
const provider = http.createServer((asked, answer) => {
  asked.resume();
  answer.setHeader("content-type", "application/json");
  answer.end(JSON.stringify(told));
});
await new Promise((ready) => provider.listen(0, "127.0.0.1", ready));
const openai = createOpenAI({ apiKey: "none", baseURL: `http://127.0.0.1:${provider.address().port}/v1` });
const { usage } = await generateText({ model: openai.chat("gpt-5"), prompt: "hello" });
provider.closeAllConnections();
provider.close();

const version = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version;
const cost = estimateCost({ modelId: "openai/gpt-5", usage });
console.log(`tokenlens ${version("tokenlens")}, ai ${version("ai")}`);
console.log("usage of ai:", usage.inputTokens, "in, of which cached", usage.inputTokenDetails.cacheReadTokens);
console.log("cost of tokenlens:", JSON.stringify(cost));
const right = (310000 * 1.25 + 1000000 * 0.125 + 50000 * 10) / 1e6;
console.log("at its own rates, each token once:", right);
const same = (a, b) => Math.abs(a - b) < 1e-9;
process.exit(same(cost.totalUSD, 2.2625) && same(right, 1.0125) ? 0 : 1);
END
node seen.mjs
