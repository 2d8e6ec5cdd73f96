#!/bin/sh
# ai-sdk-ollama makes up an answer that fits the schema where the model has said nothing: the bill is $0, as if it had been read.
#
# Guess: an empty answer, as of a model that has only thought, is an error (`NoObjectGeneratedError`), as with others.
# Seen:  asked three times for nothing, it gives an object of zeros, falses and empty texts; the usage is that of the third
#        call alone. It is the default (`useFallbacks`), and its README has no word of it.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" ai-sdk-ollama@4.3.0 @ai-sdk/openai@4.0.118 ai@7.0.173 zod@4.1.13 >/dev/null 2>&1
cat >seen.mjs <<'END'
import http from "node:http";
import { readFileSync } from "node:fs";
import { createOpenAI } from "@ai-sdk/openai";
import { generateText, Output } from "ai";
import { createOllama } from "ai-sdk-ollama";
import { z } from "zod";

let asked = 0;
const message = { role: "assistant", content: "" };
const server = http.createServer(async (request, answer) => {
  for await (const part of request) part;
  asked += 1;
  answer.setHeader("content-type", "application/json");
  if (request.url.startsWith("/api/chat")) {
    const counts = { prompt_eval_count: 1000, eval_count: 10 };
    return answer.end(JSON.stringify({ model: "m", created_at: "2026-11-20T12:00:00Z", message, done: true, done_reason: "stop", ...counts }));
  }
  const usage = { prompt_tokens: 1000, completion_tokens: 10, total_tokens: 1010 };
  const choices = [{ index: 0, finish_reason: "stop", message }];
  answer.end(JSON.stringify({ id: "c", object: "chat.completion", created: 1, model: "m", choices, usage }));
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const here = `http://127.0.0.1:${server.address().port}`;
const schema = z.object({ amount: z.number(), paid: z.boolean(), payee: z.string() });

async function told(model) {
  asked = 0;
  const ended = await generateText({ model, prompt: "What is the bill?", output: Output.object({ schema }) }).then(
    ({ output, finishReason, usage }) => [JSON.stringify(output), finishReason, usage.inputTokens],
    (error) => [error.name],
  );
  return [asked, ...ended];
}
const seen = [
  await told(createOpenAI({ apiKey: "none", baseURL: `${here}/v1` }).chat("m")),
  await told(createOllama({ baseURL: here })("m")),
];
server.closeAllConnections();
server.close();

const version = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version;
console.log(`ai-sdk-ollama ${version("ai-sdk-ollama")}, @ai-sdk/openai ${version("@ai-sdk/openai")}, ai ${version("ai")}`);
console.log("  the model says nothing:");
["@ai-sdk/openai:", "ai-sdk-ollama: "].forEach((how, at) => {
  const [calls, output, reason, tokens] = seen[at];
  console.log(`  ${how} ${calls} calls, ${output}${reason ? `, ${reason}, ${tokens} tokens in` : ""}`);
});
const made = '{"amount":0,"paid":false,"payee":""}';
const expected = [[1, "AI_NoObjectGeneratedError"], [3, made, "stop", 1000]];
process.exit(JSON.stringify(seen) === JSON.stringify(expected) ? 0 : 1);
END
node seen.mjs
