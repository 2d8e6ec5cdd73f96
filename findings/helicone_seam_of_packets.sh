#!/bin/sh
# Helicone's provider for Vercel's `ai` package drops each event of a stream that lies on the seam of two packets.
#
# Guess: a stream is read by its lines, however the network cuts it; an event that cannot be read is told as an error.
# Seen:  the same bytes in two packets lose a piece of the text, or the usage: 0 tokens, no error, an answer as any other.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" @helicone/ai-sdk-provider@1.0.12 ai@5.0.108 zod@4.1.13 >/dev/null 2>&1
cat >seen.mjs <<'END'
import http from "node:http";
import { readFileSync } from "node:fs";
import { createHelicone } from "@helicone/ai-sdk-provider";
import { streamText } from "ai";

const head = { id: "c", object: "chat.completion.chunk", created: 1, model: "gpt-5" };
const usage = { prompt_tokens: 1000, completion_tokens: 10, total_tokens: 1010 };
const events = [
  { ...head, choices: [{ index: 0, delta: { role: "assistant", content: "pay " } }] },
  { ...head, choices: [{ index: 0, delta: { content: "not " } }] },
  { ...head, choices: [{ index: 0, delta: { content: "now" }, finish_reason: "stop" }] },
  { ...head, choices: [], usage },
];
const lines = events.map((event) => `data: ${JSON.stringify(event)}\n\n`).concat("data: [DONE]\n\n");
const body = lines.join("");
const middleOf = (at) => lines.slice(0, at).join("").length + Math.floor(lines[at].length / 2);
let seam;
const provider = http.createServer((asked, answer) => {
  asked.resume();
  answer.setHeader("content-type", "text/event-stream");
  answer.write(body.slice(0, seam));
  setTimeout(() => answer.end(body.slice(seam)), 300);
});
await new Promise((ready) => provider.listen(0, "127.0.0.1", ready));
const helicone = createHelicone({ apiKey: "none", baseURL: `http://127.0.0.1:${provider.address().port}` });

async function told(at) {
  seam = at;
  const errors = [];
  const stream = streamText({ model: helicone("gpt-5"), prompt: "hello", onError: (error) => errors.push(error) });
  return [await stream.text, (await stream.usage).totalTokens, errors.length];
}
const seen = [];
for (const at of [body.length, middleOf(1), middleOf(3)]) seen.push(await told(at));
provider.closeAllConnections();
provider.close();

const version = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version;
console.log(`@helicone/ai-sdk-provider ${version("@helicone/ai-sdk-provider")}, ai ${version("ai")}`);
["in one packet:      ", "cut in the 2nd event:", "cut in the usage:    "].forEach((how, at) => {
  const [text, tokens, errors] = seen[at];
  console.log(how, JSON.stringify(text), `${tokens} tokens, ${errors} errors`);
});
process.exit(JSON.stringify(seen) === '[["pay not now",1010,0],["pay now",1010,0],["pay not now",0,0]]' ? 0 : 1);
END
node seen.mjs
