#!/bin/sh
# ai-fallback and ai-retry fall back for one call at a time: of ten calls that fail together half, or all but one, end in the error.
#
# Guess: where the first model refuses, each call is answered by the second, however many are made at once.
# Seen:  one after the other, ten of ten; together, five of ten by ai-fallback and one of ten by ai-retry. Which model is
#        in turn is kept in the object that the calls share, so that a call takes the model that another has just tried for its own.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" ai-fallback@3.0.0 ai-retry@2.4.0 ai@7.0.173 @ai-sdk/openai@4.0.118 \
  zod@4.1.13 >/dev/null 2>&1
cat >seen.mjs <<'END'
import http from "node:http";
import { readFileSync } from "node:fs";
import { createOpenAI } from "@ai-sdk/openai";
import { generateText } from "ai";
import { createFallback } from "ai-fallback";
import { createRetryable } from "ai-retry";

const CALLS = 10;
const message = { role: "assistant", content: "ok" };
const answered = {
  id: "c", object: "chat.completion", created: 1, model: "gpt-4o-mini",
  choices: [{ index: 0, finish_reason: "stop", message }],
  usage: { prompt_tokens: 10, completion_tokens: 1, total_tokens: 11 },
};
let refused = 0;
// The first model refuses one call after the other, the second takes its time: neither is out of the ordinary.
const server = http.createServer(async (asked, answer) => {
  let body = "";
  for await (const part of asked) body += part;
  const first = JSON.parse(body).model === "gpt-4o";
  await new Promise((done) => setTimeout(done, first ? 20 * ++refused : 600));
  answer.writeHead(first ? 401 : 200, { "content-type": "application/json" });
  answer.end(JSON.stringify(first ? { error: { message: "Incorrect API key provided" } } : answered));
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const openai = createOpenAI({ apiKey: "none", baseURL: `http://127.0.0.1:${server.address().port}/v1` });
const [first, second] = [openai.chat("gpt-4o"), openai.chat("gpt-4o-mini")];
const made = {
  "ai-fallback": () => createFallback({ models: [first, second] }),
  "ai-retry": () => createRetryable({ model: first, retries: [second] }),
};

async function answeredOf(model, together) {
  refused = 0;
  const call = () => generateText({ model, prompt: "hello", maxRetries: 0 }).then(() => 1, () => 0);
  let answers = [];
  if (together) answers = await Promise.all(Array.from({ length: CALLS }, call));
  else for (let at = 0; at < CALLS; at++) answers.push(((refused = 0), await call()));
  return answers.reduce((all, one) => all + one, 0);
}
const seen = [];
for (const [name, model] of Object.entries(made)) {
  const counts = [await answeredOf(model(), false), await answeredOf(model(), true)];
  console.log(name, JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version);
  console.log(`  answered: ${counts[0]} of ${CALLS} one after the other, ${counts[1]} of ${CALLS} together`);
  seen.push(counts);
}
server.closeAllConnections();
server.close();
process.exit(JSON.stringify(seen) === "[[10,5],[10,1]]" ? 0 : 1);
END
node seen.mjs
