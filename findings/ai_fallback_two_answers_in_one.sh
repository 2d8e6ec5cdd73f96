#!/bin/sh
# ai-fallback puts the whole answer of a second model behind the half one of the first, and calls it one answer.
#
# Guess: an answer that breaks off is told as an error, or the second model begins anew; each is told under its own name.
# Seen:  "Pay them $100." and "Do not pay them." make one text, which ends as any other; it is told as gpt-4o-mini's, with that
#        call's tokens: what the first has cost is nowhere. Its README has no word of it, and it is the default.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" ai-fallback@3.0.0 ai@7.0.173 @ai-sdk/openai@4.0.118 zod@4.1.13 >/dev/null 2>&1
cat >seen.mjs <<'END'
import http from "node:http";
import { readFileSync } from "node:fs";
import { createOpenAI } from "@ai-sdk/openai";
import { streamText } from "ai";
import { createFallback } from "ai-fallback";

const usage = { prompt_tokens: 1000, completion_tokens: 5, total_tokens: 1005 };
const asked = [];
const server = http.createServer(async (request, answer) => {
  let body = "";
  for await (const part of request) body += part;
  const { model } = JSON.parse(body);
  asked.push(model);
  const event = (more) => `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model, ...more })}\n\n`;
  const told = (content, finish_reason = null) => event({ choices: [{ index: 0, delta: { content }, finish_reason }] });
  answer.writeHead(200, { "content-type": "text/event-stream" });
  if (model === "gpt-4o") {
    answer.write(told("Pay them $100. "));
    return setTimeout(() => answer.destroy(), 200);
  }
  answer.end(told("Do not pay them.", "stop") + event({ choices: [], usage }) + "data: [DONE]\n\n");
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const openai = createOpenAI({ apiKey: "none", baseURL: `http://127.0.0.1:${server.address().port}/v1` });
const model = createFallback({ models: [openai.chat("gpt-4o"), openai.chat("gpt-4o-mini")] });
const errors = [];
const stream = streamText({ model, prompt: "Do I pay them?", onError: (error) => errors.push(error) });
let text = "";
for await (const part of stream.textStream) text += part;
const seen = [text, await stream.finishReason, (await stream.usage).inputTokens, (await stream.response).modelId, errors.length];
server.closeAllConnections();
server.close();

const version = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version;
console.log(`ai-fallback ${version("ai-fallback")}, ai ${version("ai")}`);
console.log("  asked and paid:", asked.join(", "));
console.log(`  told: ${JSON.stringify(text)}, ${seen[1]}, ${seen[2]} tokens in, model ${seen[3]}, ${seen[4]} errors`);
const expected = ["Pay them $100. Do not pay them.", "stop", 1000, "gpt-4o-mini", 0];
process.exit(asked.length === 2 && JSON.stringify(seen) === JSON.stringify(expected) ? 0 : 1);
END
node seen.mjs
