#!/bin/sh
# jsonrepair refuses JSON that is whole, or cuts it, where a text in it ends with a brace: `{"code":"if (x) {"}` cannot be repaired.
#
# Guess: what needs no repair comes back as it is; it is applied to all arguments of tools, as one cannot know which are broken.
# Seen:  whole documents whose text ends with `{` raise JSONRepairError; with a `//` before it the rest of the text is gone,
#        without a word, and a list of one "[" becomes another list. JSON.parse takes each of them.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" jsonrepair@3.15.0 >/dev/null 2>&1
cat >seen.mjs <<'END'
import { readFileSync } from "node:fs";
import { jsonrepair } from "jsonrepair";

// Arguments as coding agents send them: a piece of a program to write or to replace.
const whole = [
  { code: "if (x) { y() }" },
  { code: "if (x) {" },
  { old: "call({", new: "call(a, {" },
  { code: "pay(100) // the bill {" },
  { args: ["["] },
].map((value) => JSON.stringify(value));
const seen = whole.map((text) => {
  JSON.parse(text);
  try {
    return jsonrepair(text) === text ? "the same" : jsonrepair(text).trim();
  } catch (error) {
    return error.constructor.name;
  }
});
console.log("jsonrepair", JSON.parse(readFileSync("node_modules/jsonrepair/package.json")).version);
whole.forEach((text, at) => console.log(`  ${text} -> ${seen[at]}`));
const expected = ["the same", "JSONRepairError", "JSONRepairError", '{"code":"pay(100)"}', '{"args":["",[""]]}'];
process.exit(JSON.stringify(seen) === JSON.stringify(expected) ? 0 : 1);
END
node seen.mjs
