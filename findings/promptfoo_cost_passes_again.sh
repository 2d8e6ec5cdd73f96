#!/bin/sh
# promptfoo's assertion on cost fails once: run again, the same test passes, as what its cache answers costs $0.
#
# Guess: whether a prompt costs less than `threshold` does not depend on who asked it before; tokens and price are known.
# Seen:  $0.035 is greater than $0.001, exit code 100; the second run of the same file passes with $0 and exit code 0.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" promptfoo@0.121.20 >/dev/null
cat >seen.mjs <<'END'
import http from "node:http";
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";

const ANSWER = {
  id: "c", object: "chat.completion", created: 1, model: "gpt-4o",
  choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "x" } }],
  usage: { prompt_tokens: 10000, completion_tokens: 1000, total_tokens: 11000 },
};
let asked = 0;
const provider = http.createServer((request, response) => {
  request.resume().on("end", () => {
    asked += 1;
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(ANSWER));
  });
});

/** One run of the same tests: its exit code, and the result of the one test. */
function run() {
  const home = `${process.cwd()}/home`;
  mkdirSync(home, { recursive: true });
  const env = {
    PATH: process.env.PATH, HOME: home, PROMPTFOO_CONFIG_DIR: home, PROMPTFOO_DISABLE_TELEMETRY: "1",
    PROMPTFOO_DISABLE_UPDATE: "1", PROMPTFOO_DISABLE_REMOTE_GENERATION: "1", CI: "1",
  };
  const command = ["eval", "-c", "tests.json", "--no-table", "--no-progress-bar", "-o", "told.json"];
  return new Promise((resolve) => {
    const child = spawn("node_modules/.bin/promptfoo", command, { env, stdio: "ignore" });
    child.on("close", (code) => {
      const [{ cost, success, gradingResult }] = JSON.parse(readFileSync("told.json")).results.results;
      console.log(`exit code ${code}, provider asked ${asked} times, cost $${cost}: ${gradingResult.reason}`);
      resolve({ code, cost, success });
    });
  });
}

provider.listen(0, "127.0.0.1", async () => {
  const config = { apiBaseUrl: `http://127.0.0.1:${provider.address().port}/v1`, apiKey: "none" };
  writeFileSync("tests.json", JSON.stringify({
    prompts: ["say {{word}}"],
    providers: [{ id: "openai:chat:gpt-4o", config }],
    tests: [{ vars: { word: "x" }, assert: [{ type: "cost", threshold: 0.001 }] }],
  }));
  console.log("promptfoo", JSON.parse(readFileSync("node_modules/promptfoo/package.json")).version);
  const first = await run();
  const second = await run();
  provider.close();
  provider.closeAllConnections();
  const failed = first.code === 100 && !first.success && first.cost === 0.035;
  process.exitCode = failed && second.code === 0 && second.success && second.cost === 0 && asked === 1 ? 0 : 1;
});
END
node seen.mjs
