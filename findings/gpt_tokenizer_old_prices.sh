#!/bin/sh
# gpt-tokenizer's `estimateCost` has GPT-5 and GPT-4o at the price of GPT-4 Turbo.
#
# Guess: a price that the package of a model's tokens has for a model is that model's: $1.25 for a million tokens in, $10 out.
# Seen:  $10 in and $30 out, eight times and three times as much; and o3's cached input is filed as cached output.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" gpt-tokenizer@4.0.0 >/dev/null 2>&1
cat >seen.mjs <<'END'
import { readFileSync } from "node:fs";

const version = JSON.parse(readFileSync("node_modules/gpt-tokenizer/package.json")).version;
console.log(`gpt-tokenizer ${version}; dollars for a million tokens`);
// https://platform.openai.com/docs/pricing, standard
const listed = { "gpt-5": [1.25, 10], "gpt-4o": [2.5, 10], o3: [2, 8], "gpt-4-turbo": [10, 30] };
const seen = {};
for (const model of Object.keys(listed)) {
  const { estimateCost } = await import(`gpt-tokenizer/model/${model}`);
  const { main } = estimateCost(1000000);
  seen[model] = [main.input, main.output];
  console.log(model.padEnd(12), JSON.stringify(main), "OpenAI:", listed[model].join(" and "));
}
const same = (a, b) => a.join() === b.join();
const old = ["gpt-5", "gpt-4o"].every((model) => same(seen[model], listed["gpt-4-turbo"]));
process.exit(old && !same(seen.o3, listed.o3) ? 0 : 1);
END
node seen.mjs
