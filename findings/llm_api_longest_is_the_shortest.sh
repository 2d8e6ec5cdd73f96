#!/bin/sh
# llm-api sends its least length of an answer as the greatest: asked for at most 4,000 tokens, the model may write 200.
#
# Guess: `maximumResponseTokens: 4000` is sent as `max_tokens: 4000`, or less where the prompt leaves less of the context.
# Seen:  with 128,000 tokens of context and a prompt of one word 200 are sent, which is the default of `minimumResponseTokens`:
#        the answer is cut, and its stop for length is not told. Without `contextSize` none is sent, as its README says.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" llm-api@1.6.0 >/dev/null 2>&1
cat >seen.mjs <<'END'
import http from "node:http";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { OpenAIChatApi } = createRequire(import.meta.url)("llm-api");
let sent;
const words = "word ".repeat(1000).trim().split(" ");
// A model that would write a thousand tokens, and stops where it must.
const server = http.createServer(async (request, answer) => {
  let body = "";
  for await (const part of request) body += part;
  sent = JSON.parse(body).max_tokens;
  const written = words.slice(0, sent);
  const finish_reason = written.length < words.length ? "length" : "stop";
  const choices = [{ index: 0, finish_reason, message: { role: "assistant", content: written.join(" ") } }];
  const usage = { prompt_tokens: 10, completion_tokens: written.length, total_tokens: 10 + written.length };
  answer.setHeader("content-type", "application/json");
  answer.end(JSON.stringify({ id: "c", object: "chat.completion", created: 1, model: "gpt-4o", choices, usage }));
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const options = { apiKey: "none", baseURL: `http://127.0.0.1:${server.address().port}/v1` };
console.warn = () => {};

async function told(config) {
  const api = new OpenAIChatApi(options, { model: "gpt-4o", ...config });
  const answer = await api.textCompletion("hello", { maximumResponseTokens: 4000 });
  return [sent ?? null, answer.content.split(" ").length, JSON.stringify(answer).includes("length")];
}
const seen = [await told({ contextSize: 128000 }), await told({})];
server.closeAllConnections();
server.close();

console.log("llm-api", JSON.parse(readFileSync("node_modules/llm-api/package.json")).version);
["contextSize of 128,000:", "without contextSize:   "].forEach((how, at) => {
  const [limit, length, word] = seen[at];
  console.log(`  ${how} max_tokens ${limit}, answer of ${length} words out of 1000, told that it was cut: ${word}`);
});
process.exit(JSON.stringify(seen) === "[[200,200,false],[null,1000,false]]" ? 0 : 1);
END
node seen.mjs
