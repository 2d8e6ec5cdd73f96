#!/bin/sh
# Lunary's wrapper of OpenAI's package never ends a streamed call that asks for its usage; of others it takes the events for tokens.
#
# Guess: with `stream_options: {include_usage: true}` Lunary is told what the last event has: 1,000 tokens in and 400 out.
# Seen:  it is told that the call has started, and nothing else: the wrapper fails at that event, as it has no choice, and writes
#        to the console. Without the option the call ends with 3 tokens out, which is the number of its events, and none in.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" lunary@1.0.18 openai@4.104.0 >/dev/null 2>&1
cat >seen.mjs <<'END'
import http from "node:http";
import { readFileSync } from "node:fs";
import lunary from "lunary";
import { monitorOpenAI } from "lunary/openai";
import OpenAI from "openai";

const usage = { prompt_tokens: 1000, completion_tokens: 400, total_tokens: 1400 };
const head = { id: "c", created: 1, model: "gpt-4o" };
let told = [];
const server = http.createServer(async (request, answer) => {
  let body = "";
  for await (const part of request) body += part;
  const asked = JSON.parse(body);
  if (request.url.endsWith("/ingest")) {
    told.push(...asked.events);
    answer.setHeader("content-type", "application/json");
    return answer.end('{"results":[]}');
  }
  const event = (more) => `data: ${JSON.stringify({ ...head, object: "chat.completion.chunk", ...more })}\n\n`;
  const piece = (content, finish_reason = null) => event({ choices: [{ index: 0, delta: { content }, finish_reason }] });
  answer.setHeader("content-type", "text/event-stream");
  const last = asked.stream_options?.include_usage ? event({ choices: [], usage }) : "";
  answer.end(piece("A long ") + piece("answer of ") + piece("400 tokens.", "stop") + last + "data: [DONE]\n\n");
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const here = `http://127.0.0.1:${server.address().port}`;
lunary.init({ appId: "00000000-0000-4000-8000-000000000000", apiUrl: here });
const openai = monitorOpenAI(new OpenAI({ apiKey: "none", baseURL: `${here}/v1` }));
const errors = [];
console.error = (error) => errors.push(String(error));
const until = async (came) => {
  for (let at = 0; at < 100 && !came(); at++) await new Promise((done) => setTimeout(done, 100));
};

async function ended(more) {
  [told, errors.length] = [[], 0];
  let text = "";
  const messages = [{ role: "user", content: "hello" }];
  for await (const part of await openai.chat.completions.create({ model: "gpt-4o", messages, stream: true, ...more })) {
    text += part.choices[0]?.delta.content ?? "";
  }
  await until(() => told.length > 0 && (told.length > 1 || errors.length > 0));
  await new Promise((done) => setTimeout(done, 2000)); // what is left is sent each half second
  const usage = told.find(({ event }) => event === "end")?.tokensUsage;
  const error = errors.find((one) => one.includes("destructure"))?.slice(0, 46) ?? null;
  return [text.length, told.map(({ event }) => event).join(", "), usage?.prompt ?? null, usage?.completion ?? null, error];
}
const seen = [await ended({}), await ended({ stream_options: { include_usage: true } })];
server.closeAllConnections();
server.close();

console.log("lunary", JSON.parse(readFileSync("node_modules/lunary/package.json")).version);
["not asked for usage:", "asked for usage:    "].forEach((how, at) => {
  const [, events, prompt, completion, error] = seen[at];
  console.log(`  ${how} told "${events}", tokens in ${prompt}, out ${completion}; on the console: ${error}`);
});
const expected = [[28, "start, end", null, 3, null], [28, "start", null, null, "TypeError: Cannot destructure property 'index'"]];
process.exit(JSON.stringify(seen) === JSON.stringify(expected) ? 0 : 1);
END
node seen.mjs
