#!/bin/sh
# gpt-tokens and openai-gpt-token-counter count next to nothing of a message whose text stands in parts, as the API allows.
#
# Guess: {"content": "..."} and {"content": [{"type": "text", "text": "..."}]} are the same prompt, and count the same; or it is refused.
# Seen:  gpt-tokens says 7 tokens, $0.0000175, of what it says 10,008 and $0.02502 of as one text; the other one
#        ("verified for 100% accuracy") says 10, which is what "[object Object]" counts. No word from either.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" gpt-tokens@1.3.14 openai-gpt-token-counter@1.1.2 >/dev/null 2>&1
cat >seen.mjs <<'END'
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { GPTTokens } = require("gpt-tokens");
const counter = require("openai-gpt-token-counter");

const text = "What does this contract cost us in the year? ".repeat(1000);
const seen = [];
for (const content of [text, [{ type: "text", text }]]) {
  const messages = [{ role: "user", content }];
  const told = new GPTTokens({ model: "gpt-4o", messages });
  seen.push([told.usedTokens, told.usedUSD, counter.chat(messages, "gpt-4o")]);
}
for (const name of ["gpt-tokens", "openai-gpt-token-counter"]) {
  console.log(name, JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version);
}
["as one text:", "as one part:"].forEach((how, at) => {
  const [tokens, dollars, counted] = seen[at];
  console.log(`  ${how} ${tokens} tokens, $${dollars.toFixed(7)}; the other one ${counted} tokens`);
});
process.exit(JSON.stringify(seen) === "[[10008,0.02502,10007],[7,0.0000175,10]]" ? 0 : 1);
END
node seen.mjs
