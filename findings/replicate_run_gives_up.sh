#!/bin/sh
# Replicate's package gives `undefined` for what has run for a minute, as if that were the output; the model runs on and is paid.
#
# Guess: `run` gives the output, however long it takes: its README says that after 60 seconds it falls "back to polling".
# Seen:  it polls where the prediction is still "starting". Where it is "processing" it returns at once, with no output, no
#        error, and no id by which the output could be had later.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" replicate@1.4.0 >/dev/null 2>&1
cat >seen.mjs <<'END'
import http from "node:http";
import { readFileSync } from "node:fs";
import Replicate from "replicate";

// Holds the request for as long as it was asked to (`Prefer: wait=1`), as Replicate does, then tells how far the prediction is.
let reached, polls;
const server = http.createServer(async (request, answer) => {
  request.resume();
  const create = request.method === "POST";
  if (!create) polls += 1;
  if (create) await new Promise((done) => setTimeout(done, 1000 * Number(request.headers.prefer.split("=")[1])));
  const done = !create && polls > 1;
  answer.writeHead(create ? 201 : 200, { "content-type": "application/json" });
  answer.end(JSON.stringify({ id: "p", status: done ? "succeeded" : reached, ...(done && { output: "a film" }) }));
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const replicate = new Replicate({ auth: "none", baseUrl: `http://127.0.0.1:${server.address().port}/v1` });

async function told(status) {
  [reached, polls] = [status, 0];
  const wait = { mode: "block", timeout: 1 };
  const output = await replicate.run("owner/films", { input: { prompt: "A film" }, wait });
  return [String(output), polls];
}
const seen = [await told("starting"), await told("processing")];
server.closeAllConnections();
server.close();

console.log("replicate", JSON.parse(readFileSync("node_modules/replicate/package.json")).version);
["starting:  ", "processing:"].forEach((how, at) => {
  console.log(`  when the wait ends it is ${how} output ${seen[at][0]}, asked again ${seen[at][1]} times`);
});
process.exit(JSON.stringify(seen) === '[["a film",2],["undefined",0]]' ? 0 : 1);
END
node seen.mjs
