#!/bin/sh
# Replicate's package makes a prediction six times where the connection breaks, all within the same moment.
#
# Guess: a POST that makes and bills something is not sent again unless it was refused with 429; and tries again come at intervals,
#        as its code has one of 500 milliseconds that doubles.
# Seen:  an answer that is cut is asked for six times, each of which may have made a prediction; a 429 as often. It only waits
#        if the number of milliseconds is whole, and a random fraction was added to it.
set -eu
sed -n '2,7s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" replicate@1.4.0 >/dev/null 2>&1
cat >seen.mjs <<'END'
import http from "node:http";
import { readFileSync } from "node:fs";
import Replicate from "replicate";

let asked, cut;
const server = http.createServer(async (request, answer) => {
  for await (const part of request) part;
  asked.push(Date.now());
  if (cut) return answer.destroy();
  answer.writeHead(429, { "content-type": "application/json" });
  answer.end('{"detail":"Request was throttled."}');
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const replicate = new Replicate({ auth: "none", baseUrl: `http://127.0.0.1:${server.address().port}/v1` });

async function told(how) {
  [asked, cut] = [[], how === "cut"];
  await replicate.predictions.create({ model: "owner/films", input: { prompt: "A film" } }).catch(() => {});
  return [asked.length, asked.at(-1) - asked[0]];
}
const seen = [await told("cut"), await told("429")];
server.closeAllConnections();
server.close();

console.log("replicate", JSON.parse(readFileSync("node_modules/replicate/package.json")).version);
["cut:", "429:"].forEach((how, at) => console.log(`  ${how} ${seen[at][0]} requests within ${seen[at][1]} milliseconds`));
// Five intervals of half a second that double are more than fifteen seconds.
process.exit(seen.every(([requests, took]) => requests === 6 && took < 5000) ? 0 : 1);
END
node seen.mjs
