#!/bin/sh
# LangChain's JS package for Gemini says of each prompt to Gemini 3 Pro, however short, that all of it lies beyond 200,000 tokens.
#
# Guess: `over_200k` is there only where a prompt is longer than that, from where on Gemini bills its input at twice the rate.
# Seen:  of a prompt of 1,000 tokens, 400 of them from the cache, 1,000 are `over_200k` and 400 `cache_read_over_200k`:
#        whoever prices by these parts, as LangSmith does, doubles the cost of every short prompt. Gemini 2.5 has neither.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" @langchain/google-genai@2.3.2 @langchain/core@1.4.0 >/dev/null 2>&1
cat >seen.mjs <<'END'
import http from "node:http";
import { readFileSync } from "node:fs";
import { ChatGoogleGenerativeAI } from "@langchain/google-genai";

const told = {
  candidates: [{ content: { role: "model", parts: [{ text: "x" }] }, finishReason: "STOP", index: 0 }],
  usageMetadata: {
    promptTokenCount: 1000,
    cachedContentTokenCount: 400,
    candidatesTokenCount: 10,
    totalTokenCount: 1010,
  },
};
const provider = http.createServer((asked, answer) => {
  asked.resume();
  answer.setHeader("content-type", "application/json");
  answer.end(JSON.stringify(told));
});
await new Promise((ready) => provider.listen(0, "127.0.0.1", ready));
const baseUrl = `http://127.0.0.1:${provider.address().port}`;
const details = {};
for (const model of ["gemini-2.5-pro", "gemini-3-pro-preview"]) {
  const chat = new ChatGoogleGenerativeAI({ model, apiKey: "none", baseUrl });
  const { usage_metadata } = await chat.invoke("hello");
  details[model] = usage_metadata;
}
provider.closeAllConnections();
provider.close();

const version = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version;
console.log(`@langchain/google-genai ${version("@langchain/google-genai")}, core ${version("@langchain/core")}`);
for (const [model, usage] of Object.entries(details)) console.log(`${model}:`, JSON.stringify(usage));
const plain = details["gemini-2.5-pro"].input_token_details;
const long = details["gemini-3-pro-preview"].input_token_details;
const right = JSON.stringify(plain) === '{"cache_read":400}';
process.exit(right && long.over_200k === 1000 && long.cache_read_over_200k === 400 ? 0 : 1);
END
node seen.mjs
