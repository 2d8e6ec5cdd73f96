#!/bin/sh
# Vercel's `ai` package tries a call again or not by whose provider is under it: Databricks' and Helicone's never are.
#
# Guess: `maxRetries: 2` means three requests for a server that answers 503 each time, or 429, whichever provider is set.
# Seen:  three by @ai-sdk/openai; one by the other two, whose errors are told as final ones, with `maxRetries` as without.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" @databricks/ai-sdk-provider@0.5.1 @helicone/ai-sdk-provider@1.0.12 \
  @ai-sdk/openai@3.0.141 ai@6.0.326 zod@4.1.13 --legacy-peer-deps >/dev/null 2>&1
cat >seen.mjs <<'END'
import http from "node:http";
import { readFileSync } from "node:fs";
import { createOpenAI } from "@ai-sdk/openai";
import { createDatabricksProvider } from "@databricks/ai-sdk-provider";
import { createHelicone } from "@helicone/ai-sdk-provider";
import { generateText } from "ai";

globalThis.AI_SDK_LOG_WARNINGS = false;
let asked;
let status;
const provider = http.createServer((request, answer) => {
  request.resume();
  asked += 1;
  answer.statusCode = status;
  answer.setHeader("content-type", "application/json");
  answer.setHeader("retry-after-ms", "10");
  answer.end(JSON.stringify({ error: { message: "busy", type: "busy", code: "busy" } }));
});
await new Promise((ready) => provider.listen(0, "127.0.0.1", ready));
const baseURL = `http://127.0.0.1:${provider.address().port}`;
const models = {
  "@ai-sdk/openai": createOpenAI({ apiKey: "none", baseURL }).chat("gpt-5"),
  "@databricks/ai-sdk-provider": createDatabricksProvider({ baseURL, headers: {} }).chatCompletions("gpt-5"),
  "@helicone/ai-sdk-provider": createHelicone({ apiKey: "none", baseURL })("gpt-5"),
};
const version = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version;
console.log("ai", version("ai"));
const seen = [];
for (const [name, model] of Object.entries(models)) {
  for (status of [503, 429]) {
    asked = 0;
    const error = await generateText({ model, prompt: "hello", maxRetries: 2 }).catch((error) => error);
    console.log(`${name} ${version(name)}: ${status}, requests ${asked}, ends with ${error.name}`);
    seen.push(asked);
  }
}
provider.closeAllConnections();
provider.close();
process.exit(JSON.stringify(seen) === "[3,3,1,1,1,1]" ? 0 : 1);
END
node seen.mjs
