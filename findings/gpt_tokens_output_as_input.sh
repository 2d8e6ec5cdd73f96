#!/bin/sh
# gpt-tokens prices all that a call has answered as input, once the call has a tool: $0.025 told of $0.10.
#
# Guess: a tool adds its definition to the prompt, some thirty tokens; the answer costs what it costs without one.
# Seen:  of one answer of 10,000 tokens of gpt-4o $0.10003 without tools, and $0.0250975 with one: a quarter.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" gpt-tokens@1.3.14 >/dev/null 2>&1
cat >seen.mjs <<'END'
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { GPTTokens } = createRequire(import.meta.url)("gpt-tokens");
const answer = "What does this contract cost us in the year? ".repeat(1000);
const messages = [{ role: "user", content: "hi" }, { role: "assistant", content: answer }];
const parameters = { type: "object", properties: {} };
const tools = [{ type: "function", function: { name: "look", description: "Looks", parameters } }];
const seen = [{}, { tools }].map((more) => {
  const told = new GPTTokens({ model: "gpt-4o", messages, ...more });
  return [told.usedTokens, told.usedUSD];
});
console.log("gpt-tokens", JSON.parse(readFileSync("node_modules/gpt-tokens/package.json")).version);
["without a tool:", "with one:      "].forEach((how, at) => console.log(`  ${how} ${seen[at][0]} tokens, $${seen[at][1]}`));
const [[tokens, dollars], [toolTokens, toolDollars]] = seen;
process.exit(dollars === 0.10003 && toolTokens - tokens < 50 && toolDollars < 0.026 ? 0 : 1);
END
node seen.mjs
