#!/bin/sh
# opencode's own cost leaves out the call that finds a title for the session, whatever that cost.
#
# Guess: what `run --format json` and `stats` tell is what all calls of the session cost by the config's prices.
# Seen:  one prompt makes two calls of $0.01 to the configured model; the cost told, and kept, is $0.01.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" opencode-ai@1.18.33 >/dev/null
cat >seen.mjs <<'END'
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import http from "node:http";

const RATES = { input: 5, output: 50, cache_read: 0.5, cache_write: 0 }; // $ a million
const USAGE = { prompt_tokens: 1000, completion_tokens: 100, total_tokens: 1100 };
const PER_CALL = 0.01;
const purposes = [];

const provider = http.createServer((request, response) => {
  let body = "";
  request.on("data", (piece) => { body += piece; }).on("end", () => {
    const asked = JSON.parse(body);
    purposes.push(JSON.stringify(asked.messages[0]).includes("title generator") ? "title" : "answer");
    const head = { id: "c", object: "chat.completion.chunk", created: 1, model: asked.model };
    const events = [
      { ...head, choices: [{ index: 0, delta: { role: "assistant", content: "Hello" }, finish_reason: null }] },
      { ...head, choices: [{ index: 0, delta: {}, finish_reason: "stop" }] },
      { ...head, choices: [], usage: USAGE },
    ];
    response.setHeader("content-type", "text/event-stream");
    response.end(events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("") + "data: [DONE]\n\n");
  });
});

function opencode(words, url) {
  const home = `${process.cwd()}/home`;
  mkdirSync(home, { recursive: true });
  const model = { name: "m", cost: RATES, limit: { context: 100000, output: 4000 } };
  const local = { npm: "@ai-sdk/openai-compatible", name: "local", options: { baseURL: url, apiKey: "none" }, models: { m: model } };
  writeFileSync(`${home}/opencode.json`, JSON.stringify({ model: "local/m", small_model: "local/m", provider: { local } }));
  const places = Object.fromEntries(["CONFIG", "DATA", "CACHE", "STATE"].map((name) => [`XDG_${name}_HOME`, `${home}/${name}`]));
  const env = { PATH: process.env.PATH, HOME: home, PWD: home, ...places };
  return new Promise((resolve) => {
    const child = spawn(`${process.cwd()}/node_modules/.bin/opencode`, words, { cwd: home, env, stdio: ["ignore", "pipe", "ignore"] });
    let said = "";
    child.stdout.on("data", (piece) => { said += piece; });
    child.on("close", () => resolve(said));
  });
}

provider.listen(0, "127.0.0.1", async () => {
  const url = `http://127.0.0.1:${provider.address().port}/v1`;
  const said = await opencode(["run", "--format", "json", "--model", "local/m", "say hello"], url);
  const stats = await opencode(["stats"], url);
  provider.close();
  provider.closeAllConnections();
  const told = said.split("\n").filter(Boolean).map((line) => JSON.parse(line).part?.cost ?? 0).reduce((a, b) => a + b, 0);
  const kept = /Total Cost\s+\$([\d.]+)/.exec(stats)?.[1];
  console.log("opencode", JSON.parse(readFileSync("node_modules/opencode-ai/package.json")).version);
  console.log(`calls: ${purposes.sort().join(", ")}; billed $${(PER_CALL * purposes.length).toFixed(2)}`);
  console.log(`told: $${told.toFixed(2)}, by stats: $${kept}`);
  process.exit(purposes.join() === "answer,title" && told.toFixed(4) === "0.0100" && kept === "0.01" ? 0 : 1);
});
END
node seen.mjs
