#!/bin/sh
# incomplete-json-parser drops the `e-` of a number in a list: a price of 2.5e-6 is read as 2.56, a million times as much.
#
# Guess: what JSON.parse reads is read as JSON.parse reads it; the parser is for what comes after that, which is not whole yet.
# Seen:  [2.5e-6, 1e-7, 1E2] is [2.56, 17, 12], without an error; as a value of a key each raises one. Half documents alike.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" incomplete-json-parser@1.1.5 >/dev/null 2>&1
cat >seen.mjs <<'END'
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { IncompleteJsonParser } = createRequire(import.meta.url)("incomplete-json-parser");
// Prices a token, as price files and models write them.
const texts = ['{"prices":[0.0000025,2.5e-6,1e-7,1E2]}', '{"prices":[2.5e-6,1e-7,', '{"price":2.5e-6}'];
const seen = texts.map((text) => {
  try {
    const { prices, price } = IncompleteJsonParser.parse(text);
    return prices ?? price;
  } catch (error) {
    return error.message;
  }
});
console.log("incomplete-json-parser", JSON.parse(readFileSync("node_modules/incomplete-json-parser/package.json")).version);
texts.forEach((text, at) => console.log(`  ${text} -> ${JSON.stringify(seen[at])}`));
process.exit(JSON.stringify(seen) === '[[0.0000025,2.56,17,12],[2.56,17],"Expected comma, got e"]' ? 0 : 1);
END
node seen.mjs
