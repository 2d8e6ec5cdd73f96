#!/bin/sh
# Opik's wrapper of Google's package for Node leaves Gemini's thoughts out of the output, and counts them in the total.
#
# Guess: `completion_tokens` are what is billed as output, thoughts too; with the `prompt_tokens` they make up the total.
# Seen:  of 100 tokens of text and 5,000 of thought 100 are out; the total has all. Thoughts are only in a copy of the usage.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" opik-gemini@1.10.8 opik@1.11.14 @google/genai@1.30.0 >/dev/null 2>&1
cat >seen.mjs <<'END'
import http from "node:http";
import { readFileSync } from "node:fs";
import { GoogleGenAI } from "@google/genai";
import { Opik } from "opik";
import { trackGemini } from "opik-gemini";

const told = {
  candidates: [{ content: { role: "model", parts: [{ text: "x" }] }, finishReason: "STOP", index: 0 }],
  modelVersion: "gemini-2.5-pro",
  usageMetadata: { promptTokenCount: 1000, candidatesTokenCount: 100, thoughtsTokenCount: 5000, totalTokenCount: 6100 },
};
const spans = [];

// Both servers in one: Google's, and Opik's that is sent what was counted.
const server = http.createServer(async (asked, answer) => {
  const parts = [];
  for await (const part of asked) parts.push(part);
  answer.setHeader("content-type", "application/json");
  if (asked.url.startsWith("/google")) {
    answer.end(JSON.stringify(told));
    return;
  }
  if (asked.url.endsWith("/spans/batch")) spans.push(...JSON.parse(Buffer.concat(parts)).spans);
  answer.statusCode = 204;
  answer.end();
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const here = `http://127.0.0.1:${server.address().port}`;
const opik = new Opik({ apiUrl: `${here}/opik`, apiKey: "none", workspaceName: "w", projectName: "p" });
const google = new GoogleGenAI({ apiKey: "none", httpOptions: { baseUrl: `${here}/google` } });
await trackGemini(google, { client: opik }).models.generateContent({ model: "gemini-2.5-pro", contents: "hello" });
await opik.flush();
server.closeAllConnections();
server.close();

const version = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version;
for (const name of ["opik-gemini", "@google/genai"]) console.log(name, version(name));
const usage = spans[0]?.usage ?? {};
const { prompt_tokens, completion_tokens, total_tokens } = usage;
console.log(`Google: ${JSON.stringify(told.usageMetadata)}`);
console.log(`Opik:   ${JSON.stringify(usage)}`);
process.exit(spans.length === 1 && prompt_tokens === 1000 && completion_tokens === 100 && total_tokens === 6100 ? 0 : 1);
END
node seen.mjs 2>&1
