#!/bin/sh
# llm-cost-guard's kill switch lets every call go to the provider, and throws away its answer when it has been paid.
#
# Guess: once a budget is exceeded, a wrapped client refuses the next call before it is made.
# Seen:  of six calls after the limit all six reach the provider and are billed: $0.084 of $0.010; not one answer comes back.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" llm-cost-guard@1.5.0 openai@7.1.0 >/dev/null
cat >seen.cjs <<'END'
const http = require("node:http");
const { createGuard } = require("llm-cost-guard");
const OpenAI = require("openai").default ?? require("openai");

const CALLS = 6;
const LIMIT_USD = 0.01;
const ANSWER = {
  id: "c", object: "chat.completion", created: 1, model: "gpt-4o",
  choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "x" } }],
  usage: { prompt_tokens: 4000, completion_tokens: 400, total_tokens: 4400 },
};
let asked = 0;
const provider = http.createServer((request, response) => {
  request.resume().on("end", () => {
    asked += 1;
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(ANSWER));
  });
});

provider.listen(0, "127.0.0.1", async () => {
  const baseURL = `http://127.0.0.1:${provider.address().port}/v1`;
  const guard = createGuard({
    budgets: [{ id: "hourly", limitUsd: LIMIT_USD, windowMs: 3600000, killSwitch: true }],
  });
  const client = guard.wrap(new OpenAI({ apiKey: "none", baseURL, maxRetries: 0 }));
  const outcomes = [];
  for (let call = 0; call < CALLS; call += 1) {
    try {
      await client.chat.completions.create({ model: "gpt-4o", messages: [{ role: "user", content: "x" }] });
      outcomes.push("answer");
    } catch (error) {
      outcomes.push(error.name);
    }
  }
  provider.close();
  provider.closeAllConnections();
  const spent = (await guard.getUsage({})).totalSpendUsd;
  for (const name of ["llm-cost-guard", "openai"]) {
    console.log(name, JSON.parse(require("node:fs").readFileSync(`node_modules/${name}/package.json`)).version);
  }
  console.log(`limit $${LIMIT_USD}, spent $${spent.toFixed(3)}, the provider was asked ${asked} times`);
  console.log(`outcomes: ${outcomes.join(", ")}`);
  const thrownAway = outcomes.every((outcome) => outcome === "BudgetExceededError");
  process.exitCode = thrownAway && asked === CALLS ? 0 : 1;
});
END
node seen.cjs
