#!/bin/sh
# fal's client leaves a job in the queue when its caller aborts it: the model runs, and is paid. A timeout of the client's cancels it.
#
# Guess: `abortSignal`, "the abort signal to cancel the request", does with the job what `timeout` does.
# Seen:  after a timeout the job is cancelled at the server; after an abort nothing is sent at all. The error has no id of the
#        job: who has not kept the one that `onEnqueue` was told cannot cancel it either.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" @fal-ai/client@1.10.1 >/dev/null 2>&1
cat >seen.mjs <<'END'
import http from "node:http";
import { readFileSync } from "node:fs";
import { createFalClient } from "@fal-ai/client";

let asked;
const queue = http.createServer((request, answer) => {
  request.resume();
  asked.push(`${request.method} ${request.url.split("?")[0].split("/").slice(3).join("/")}`.trim());
  answer.writeHead(200, { "content-type": "application/json" });
  answer.end(JSON.stringify({ request_id: "job", status: "IN_PROGRESS" }));
});
await new Promise((ready) => queue.listen(0, "127.0.0.1", ready));
const here = `http://127.0.0.1:${queue.address().port}`;
const fal = createFalClient({
  credentials: "none",
  fetch: (url, options) => fetch(String(url).replace("https://queue.fal.run", here), options),
});

async function told(options) {
  asked = [];
  const ended = await fal.subscribe("own/films", { input: { prompt: "A film" }, pollInterval: 100, ...options }).catch(
    (error) => [error.name, JSON.stringify(error, Object.getOwnPropertyNames(error)).includes("job")],
  );
  await new Promise((done) => setTimeout(done, 500));
  return [asked[0], asked.some((one) => one.endsWith("/cancel")), ended[1]];
}
const stop = new AbortController();
setTimeout(() => stop.abort(), 350);
const aborted = await told({ abortSignal: stop.signal });
const seen = [await told({ timeout: 350 }), aborted];
queue.closeAllConnections();
queue.close();

console.log("@fal-ai/client", JSON.parse(readFileSync("node_modules/@fal-ai/client/package.json")).version);
["timed out:", "aborted:  "].forEach((how, at) => {
  console.log(`  ${how} submitted by ${seen[at][0]}; cancelled at the server: ${seen[at][1]}; the error has its id: ${seen[at][2]}`);
});
process.exit(JSON.stringify(seen) === '[["POST",true,false],["POST",false,false]]' ? 0 : 1);
END
node seen.mjs
