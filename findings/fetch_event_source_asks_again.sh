#!/bin/sh
# Microsoft's fetch-event-source sends a paid POST again each second when it was refused or its answer was cut.
#
# Guess: without a handler of errors the promise is rejected: a refusal stays one, a cut answer is told as cut.
# Seen:  a refusal with status 400 is asked for again and again; a cut answer is billed anew and its text is told twice.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" @microsoft/fetch-event-source@2.0.1 >/dev/null 2>&1
cat >seen.mjs <<'END'
import http from "node:http";
import { readFileSync } from "node:fs";
import source from "@microsoft/fetch-event-source";

// The package is for browsers: it takes timers from `window` and only listens on `document`.
globalThis.window = globalThis;
globalThis.document = { hidden: false, addEventListener() {}, removeEventListener() {} };

const event = (told) => `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: told } }] })}\n\n`;
let asked = 0;
const provider = http.createServer((request, answer) => {
  request.resume();
  asked += 1;
  if (request.url === "/refused") {
    answer.writeHead(400, { "content-type": "application/json" });
    return answer.end('{"error":{"message":"max_tokens is too large","type":"invalid_request_error"}}');
  }
  answer.writeHead(200, { "content-type": "text/event-stream" });
  answer.write(event("pay "));
  if (asked > 1) return answer.end(event("now") + "data: [DONE]\n\n");
  setTimeout(() => answer.destroy(), 200);
});
await new Promise((ready) => provider.listen(0, "127.0.0.1", ready));

async function told(path) {
  asked = 0;
  let text = "";
  let end = "stopped by us";
  const stop = new AbortController();
  const watch = setInterval(() => asked >= 3 && stop.abort(), 20);
  const onmessage = ({ data }) => {
    if (data !== "[DONE]") text += JSON.parse(data).choices[0].delta.content;
  };
  await source
    .fetchEventSource(`http://127.0.0.1:${provider.address().port}${path}`, {
      method: "POST", body: "{}", signal: stop.signal, onmessage, onclose: () => (end = "resolved"),
    })
    .catch(() => (end = "rejected"));
  clearInterval(watch);
  return [asked, text, end];
}
const seen = [await told("/refused"), await told("/cut")];
provider.closeAllConnections();
provider.close();

const { version } = JSON.parse(readFileSync("node_modules/@microsoft/fetch-event-source/package.json"));
console.log(`@microsoft/fetch-event-source ${version}`);
["refused with 400:", "cut once:        "].forEach((how, at) => {
  const [requests, text, end] = seen[at];
  console.log(how, `${requests} requests, text ${JSON.stringify(text)}, ${end}`);
});
process.exit(JSON.stringify(seen) === '[[3,"","stopped by us"],[2,"pay pay now","resolved"]]' ? 0 : 1);
END
node seen.mjs
