#!/bin/sh
# @ai-sdk-tools/cache keeps what a tool has said for five minutes, whatever `ttl` it was made with: paid searches are made anew.
#
# Guess: `createCached({ ttl: 30 * 60 * 1000 })` answers from the cache for half an hour, as the comment in its README says; and
#        without a `ttl` for ten minutes ("default: 10min LRU").
# Seen:  both forget after five minutes: asked each six minutes for half an hour, the tool is run each time.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" @ai-sdk-tools/cache@1.2.0 ai@5.0.277 zod@4.1.13 >/dev/null 2>&1
cat >seen.mjs <<'END'
import { readFileSync } from "node:fs";
import { createCached } from "@ai-sdk-tools/cache";
import { tool } from "ai";
import { z } from "zod";

const MINUTE = 60 * 1000;
let now = Date.now();
Date.now = () => now;

/** How often a search is made that is asked for each `every` minutes, five times. */
async function searches(every, options) {
  let made = 0;
  const execute = async () => ({ price: (made += 1) });
  const search = tool({ description: "A paid search", inputSchema: z.object({ query: z.string() }), execute });
  const cached = createCached(options)(search);
  for (let at = 0; at < 5; at++) {
    await cached.execute({ query: "gold" }, {});
    now += every * MINUTE;
  }
  return made;
}
const ttl = 30 * MINUTE;
const seen = [await searches(1, { ttl }), await searches(6, { ttl }), await searches(6)];

console.log("@ai-sdk-tools/cache", JSON.parse(readFileSync("node_modules/@ai-sdk-tools/cache/package.json")).version);
["each minute, ttl of 30 minutes:      ", "each 6 minutes, ttl of 30 minutes:   ", "each 6 minutes, its default of 10:   "].forEach(
  (how, at) => console.log(`  asked 5 times, ${how} ${seen[at]} searches`),
);
process.exit(JSON.stringify(seen) === "[1,5,5]" ? 0 : 1);
END
node seen.mjs
