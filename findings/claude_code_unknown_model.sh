#!/bin/sh
# Claude Code prices a model that it does not know like Opus, and does not say that it guessed.
#
# Guess: the cost of a model that somebody else's endpoint serves is told as unknown, as 0, or by what a setting says.
# Seen:  100,000 tokens in and 10,000 out of `acme-1` cost $0.75, which is $5 and $25 a million; nothing marks it.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" @anthropic-ai/claude-code@2.1.197 >/dev/null
cat >seen.mjs <<'END'
import http from "node:http";
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";

const USAGE = { input_tokens: 100000, output_tokens: 10000 };
let asked = 0;

/** Bills every call for the same tokens; what else is asked has an empty answer. */
const provider = http.createServer((request, response) => {
  let body = "";
  request.on("data", (piece) => { body += piece; }).on("end", () => {
    if (!request.url.startsWith("/v1/messages")) return response.end();
    asked += 1;
    const { model } = JSON.parse(body);
    const message = { id: "msg_1", type: "message", role: "assistant", model, content: [], stop_reason: null, usage: { ...USAGE, output_tokens: 1 } };
    const events = [
      { type: "message_start", message },
      { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
      { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "the whole answer" } },
      { type: "content_block_stop", index: 0 },
      { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: USAGE.output_tokens } },
      { type: "message_stop" },
    ];
    response.setHeader("content-type", "text/event-stream");
    response.end(events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(""));
  });
});

/** What one prompt told, as its JSON, and the exit code. */
function claude(...words) {
  const home = `${process.cwd()}/home`;
  mkdirSync(home, { recursive: true });
  const env = {
    PATH: process.env.PATH, HOME: home, PWD: home, DISABLE_AUTOUPDATER: "1", CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    ANTHROPIC_BASE_URL: `http://127.0.0.1:${provider.address().port}`, ANTHROPIC_API_KEY: "none",
  };
  const command = ["-p", "say hello", "--output-format", "json", ...words];
  return new Promise((resolve) => {
    const child = spawn(`${process.cwd()}/node_modules/.bin/claude`, command, { cwd: home, env, stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    child.stdout.on("data", (piece) => { said += piece; });
    child.on("close", (code) => resolve({ told: JSON.parse(said), code }));
  });
}

provider.listen(0, "127.0.0.1", async () => {
  const { told, code } = await claude("--model", "acme-1");
  provider.close();
  provider.closeAllConnections();
  const marked = Object.keys(told).concat(Object.keys(told.modelUsage["acme-1"])).filter((name) => /unknown|estimat/i.test(name));
  console.log("claude-code", JSON.parse(readFileSync("node_modules/@anthropic-ai/claude-code/package.json")).version);
  console.log(`acme-1: asked ${asked} times, cost told $${told.total_cost_usd.toFixed(2)}, exit code ${code}`);
  console.log(`fields that mark a guess: ${marked.length}`);
  process.exit(asked === 1 && told.total_cost_usd.toFixed(2) === "0.75" && code === 0 && marked.length === 0 ? 0 : 1);
});
END
node seen.mjs
