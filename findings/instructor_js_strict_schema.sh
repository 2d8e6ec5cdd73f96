#!/bin/sh
# Instructor for Node puts a key of its own into each answer before the check: a strict schema pays for all attempts.
#
# Guess: an answer that fits the schema to the letter is taken at once, strict schema or not: one request.
# Seen:  with `.strict()` the package's own `_meta` is an unrecognized key: the right answer is asked for 3 times, then thrown away.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" @instructor-ai/instructor@1.7.0 openai@4.104.0 zod@3.25.76 >/dev/null 2>&1
cat >seen.mjs <<'END'
import http from "node:http";
import { readFileSync } from "node:fs";
import instructor from "@instructor-ai/instructor";
import OpenAI from "openai";
import { z } from "zod";

let requests = 0;
const call = { id: "t", type: "function", function: { name: "Bill", arguments: '{"amount":7}' } };
const provider = http.createServer((asked, answer) => {
  asked.resume();
  requests += 1;
  answer.setHeader("content-type", "application/json");
  answer.end(JSON.stringify({
    id: "c", object: "chat.completion", created: 1, model: "gpt-4o",
    choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: null, tool_calls: [call] } }],
    usage: { prompt_tokens: 1000, completion_tokens: 10, total_tokens: 1010 },
  }));
});
await new Promise((ready) => provider.listen(0, "127.0.0.1", ready));
const openai = new OpenAI({ apiKey: "none", baseURL: `http://127.0.0.1:${provider.address().port}/v1` });
const client = instructor({ client: openai, mode: "TOOLS", logger: () => {} });
console.debug = console.info = console.warn = console.error = () => {};

async function told(schema) {
  requests = 0;
  const messages = [{ role: "user", content: "What is the bill?" }];
  const asked = { model: "gpt-4o", messages, response_model: { schema, name: "Bill" }, max_retries: 2 };
  const end = await client.chat.completions.create(asked).then(
    (answer) => `amount ${answer.amount}`,
    (error) => `${error.issues?.[0].code} ${error.issues?.[0].keys}`,
  );
  return [requests, end];
}
const open = z.object({ amount: z.number() });
const seen = [await told(open), await told(open.strict())];
provider.closeAllConnections();
provider.close();

const version = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version;
console.log(`@instructor-ai/instructor ${version("@instructor-ai/instructor")}, zod ${version("zod")}`);
["open schema:  ", "strict schema:"].forEach((how, at) => console.log(how, `${seen[at][0]} requests, ${seen[at][1]}`));
process.exit(JSON.stringify(seen) === '[[1,"amount 7"],[3,"unrecognized_keys _meta"]]' ? 0 : 1);
END
node seen.mjs
