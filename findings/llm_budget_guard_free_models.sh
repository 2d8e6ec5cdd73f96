#!/bin/sh
# llm-budget-guard, as npm installs it, prices every model that it lists at $0.00, so that no budget is ever reached.
#
# Guess: models of the price files in the package cost what stands there; where no price is found, something says so.
# Seen:  a million tokens in and out of six listed models under a daily $1: no error, no warning, $0.00 spent.
#        The files lie in dist/pricing/data, the bundle looks beside itself, and a folder that is not there is skipped.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" llm-budget-guard@0.1.0 >/dev/null
cat >seen.mjs <<'END'
import { readFileSync } from "node:fs";
import { CostTracker, createBudget } from "llm-budget-guard";

const MODELS = ["gpt-4o", "gpt-4o-mini", "gpt-4", "claude-3-5-sonnet-20241022", "gemini-1.5-pro", "gpt-3.5-turbo"];
const home = "node_modules/llm-budget-guard";
const listed = ["openai", "anthropic", "vertex"].map((name) => readFileSync(`${home}/dist/pricing/data/${name}.yaml`, "utf8")).join("");
const tracker = new CostTracker({
  auditEnabled: false,
  budgets: [createBudget({ name: "daily", limit: 1, period: "day" })],
});
let refused = 0;
for (const model of MODELS) {
  const call = { model, inputTokens: 1_000_000, outputTokens: 1_000_000 };
  await tracker.record(call).catch(() => { refused += 1; });
}
const report = await tracker.getCosts();
const known = MODELS.filter((model) => listed.includes(model)).length;

console.log("llm-budget-guard", JSON.parse(readFileSync(`${home}/package.json`)).version);
console.log(`models: ${MODELS.length}, in the package's price files: ${known}`);
console.log(`calls told: ${report.totalCalls}, refused: ${refused}, spent: $${report.totalCost.toFixed(2)}`);
const free = report.totalCost === 0 && report.totalCalls === MODELS.length && refused === 0;
process.exit(free && known === MODELS.length ? 0 : 1);
END
node seen.mjs
