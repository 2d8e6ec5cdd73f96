#!/bin/sh
# ai-sdk-ollama asks twice again where the answer after a tool is shorter than ten characters: "$75." is four calls, two of them told.
#
# Guess: `generateText` of the package adds a text only where a tool has left none ("so you don't get empty replies").
# Seen:  "The bill is $75." is two calls; "$75." and "Yes." are taken for no answer, asked for two more times, and then given as
#        they were. The usage of the two more calls is dropped: 2,000 tokens in of 4,000.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" ai-sdk-ollama@4.3.0 ai@7.0.173 zod@4.1.13 >/dev/null 2>&1
cat >seen.mjs <<'END'
import http from "node:http";
import { readFileSync } from "node:fs";
import { stepCountIs, tool } from "ai";
import { createOllama, generateText } from "ai-sdk-ollama";
import { z } from "zod";

let calls, said;
// A model that uses the tool once, and then says what it has found.
const server = http.createServer(async (request, answer) => {
  let body = "";
  for await (const part of request) body += part;
  const { messages, tools } = JSON.parse(body);
  calls += 1;
  const looks = tools?.length && messages.at(-1).role !== "tool";
  const content = looks ? "" : said;
  const tool_calls = looks ? [{ function: { name: "bill", arguments: {} } }] : undefined;
  const counts = { done: true, done_reason: "stop", prompt_eval_count: 1000, eval_count: 10 };
  answer.setHeader("content-type", "application/json");
  answer.end(JSON.stringify({ model: "m", created_at: "2026-11-20T12:00:00Z", message: { role: "assistant", content, tool_calls }, ...counts }));
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const model = createOllama({ baseURL: `http://127.0.0.1:${server.address().port}` })("m");
const bill = tool({ description: "The bill", inputSchema: z.object({}), execute: async () => ({ amount: 75, paid: true }) });

async function told(answer) {
  [calls, said] = [0, answer];
  const { text, totalUsage } = await generateText({ model, prompt: "What is the bill?", tools: { bill }, stopWhen: stepCountIs(5) });
  return [text, calls, totalUsage.inputTokens];
}
const seen = [];
for (const answer of ["The bill is $75.", "$75.", "Yes."]) seen.push(await told(answer));
server.closeAllConnections();
server.close();

const version = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version;
console.log(`ai-sdk-ollama ${version("ai-sdk-ollama")}, ai ${version("ai")}; each call is 1,000 tokens in`);
for (const [text, made, tokens] of seen) console.log(`  ${JSON.stringify(text)}: ${made} calls, ${tokens} tokens in told`);
process.exit(JSON.stringify(seen) === '[["The bill is $75.",2,2000],["$75.",4,2000],["Yes.",4,2000]]' ? 0 : 1);
END
node seen.mjs
