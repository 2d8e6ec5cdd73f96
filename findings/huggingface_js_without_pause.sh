#!/bin/sh
# Hugging Face's package for JS asks again for as long as a server answers 503, without a pause and without an end.
#
# Guess: "If a request 503s, the request will be retried" means some times, at intervals, and not before `Retry-After`.
# Seen:  a server that says 503 and `Retry-After: 30` five hundred times is asked five hundred and one times within seconds; the
#        caller learns of none of them. `retry_on_error` is true unless it is set, for paid providers too.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" @huggingface/inference@4.13.30 >/dev/null 2>&1
cat >seen.mjs <<'END'
import http from "node:http";
import { readFileSync } from "node:fs";
import { InferenceClient } from "@huggingface/inference";

const REFUSALS = 500;
let asked = 0;
const server = http.createServer(async (request, answer) => {
  for await (const part of request) part;
  asked += 1;
  const refused = asked <= REFUSALS;
  answer.writeHead(refused ? 503 : 200, { "content-type": "application/json", ...(refused && { "retry-after": "30" }) });
  const message = { role: "assistant", content: "ok" };
  answer.end(JSON.stringify(refused ? { error: "overloaded" } : {
    id: "c", object: "chat.completion", created: 1, model: "m",
    choices: [{ index: 0, finish_reason: "stop", message }],
    usage: { prompt_tokens: 10, completion_tokens: 1, total_tokens: 11 },
  }));
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const client = new InferenceClient("hf_none", { endpointUrl: `http://127.0.0.1:${server.address().port}` });
const began = Date.now();
const { choices } = await client.chatCompletion({ model: "m", messages: [{ role: "user", content: "hello" }] });
const seconds = (Date.now() - began) / 1000;
server.closeAllConnections();
server.close();

console.log("@huggingface/inference", JSON.parse(readFileSync("node_modules/@huggingface/inference/package.json")).version);
console.log(`  one call: ${asked} requests in ${seconds.toFixed(1)} seconds, answer ${JSON.stringify(choices[0].message.content)}`);
// One try each 30 seconds would take four hours, one each half a second more than four minutes.
process.exit(asked === REFUSALS + 1 && seconds < 120 ? 0 : 1);
END
node seen.mjs
