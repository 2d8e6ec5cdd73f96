#!/bin/sh
# Claude Code's result of a turn has the turn's tokens beside the cost of all turns: added up, three turns of $0.45 cost $2.70.
#
# Guess: `usage` and `total_cost_usd` of one result are about the same calls, and each turn tells its own.
# Seen:  fed by `--input-format stream-json`, turns say $0.45, $0.90 and $1.35, each with the tokens of one call in `usage`;
#        asked the same by `--resume`, which is a process for each turn, they say $0.45 each time.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" @anthropic-ai/claude-code@2.1.197 >/dev/null
cat >seen.mjs <<'END'
import http from "node:http";
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";

const USAGE = { input_tokens: 100000, output_tokens: 10000 };
const TURNS = ["one", "two", "three"];
let asked = 0;

/** Bills every call for the same tokens; what else is asked has an empty answer. */
const provider = http.createServer((request, response) => {
  let body = "";
  request.on("data", (piece) => { body += piece; }).on("end", () => {
    if (!request.url.startsWith("/v1/messages")) return response.end();
    asked += 1;
    const { model } = JSON.parse(body);
    const usage = { ...USAGE, output_tokens: 1 };
    const message = { id: `msg_${asked}`, type: "message", role: "assistant", model, content: [], stop_reason: null, usage };
    const events = [
      { type: "message_start", message },
      { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
      { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "hello" } },
      { type: "content_block_stop", index: 0 },
      { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: USAGE.output_tokens } },
      { type: "message_stop" },
    ];
    response.setHeader("content-type", "text/event-stream");
    response.end(events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(""));
  });
});

/** The results that a process told; the next of the prompts goes in when the one before has its result. */
function claude(prompts, ...words) {
  const home = `${process.cwd()}/home`;
  mkdirSync(home, { recursive: true });
  const env = {
    PATH: process.env.PATH, HOME: home, PWD: home, DISABLE_AUTOUPDATER: "1", CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    ANTHROPIC_BASE_URL: `http://127.0.0.1:${provider.address().port}`, ANTHROPIC_API_KEY: "none",
  };
  const shape = ["--input-format", "stream-json", "--output-format", "stream-json", "--verbose"];
  const command = ["-p", "--model", "claude-sonnet-5", ...shape, ...words];
  return new Promise((resolve) => {
    const child = spawn(`${process.cwd()}/node_modules/.bin/claude`, command, { cwd: home, env, stdio: ["pipe", "pipe", "inherit"] });
    const left = [...prompts];
    const results = [];
    let said = "";
    const next = () => {
      child.stdin.write(JSON.stringify({ type: "user", message: { role: "user", content: left.shift() } }) + "\n");
      if (!left.length) child.stdin.end();
    };
    child.stdout.on("data", (piece) => {
      const lines = (said + piece).split("\n");
      said = lines.pop();
      for (const line of lines.filter(Boolean)) {
        const told = JSON.parse(line);
        if (told.type !== "result") continue;
        results.push(told);
        if (left.length) next();
      }
    });
    child.on("close", () => resolve(results));
    next();
  });
}

provider.listen(0, "127.0.0.1", async () => {
  const fed = await claude(TURNS);
  const resumed = [];
  for (const prompt of TURNS) {
    const again = resumed.length ? ["--resume", resumed.at(-1).session_id] : [];
    resumed.push(...(await claude([prompt], ...again)));
  }
  provider.close();
  provider.closeAllConnections();
  const costs = (results) => results.map((told) => told.total_cost_usd.toFixed(2)).join(", ");
  const tokens = (results) => results.map((told) => told.usage.input_tokens).join(", ");
  const sum = fed.reduce((dollars, told) => dollars + told.total_cost_usd, 0).toFixed(2);
  console.log("claude-code", JSON.parse(readFileSync("node_modules/@anthropic-ai/claude-code/package.json")).version);
  console.log(`one process: $${costs(fed)} (in all $${sum}); tokens in: ${tokens(fed)}`);
  console.log(`a process for each turn: $${costs(resumed)}; tokens in: ${tokens(resumed)}; calls in all: ${asked}`);
  const same = "100000, 100000, 100000";
  const grown = costs(fed) === "0.45, 0.90, 1.35" && tokens(fed) === same && sum === "2.70";
  process.exit(grown && costs(resumed) === "0.45, 0.45, 0.45" && tokens(resumed) === same && asked === 6 ? 0 : 1);
});
END
node seen.mjs
