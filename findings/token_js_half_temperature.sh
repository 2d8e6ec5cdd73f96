#!/bin/sh
# Token.js sends half of the temperature that it is given to Anthropic and Mistral, without a word: 1 becomes 0.5.
#
# Guess: `temperature: 1`, which each of the vendors takes, is sent as it is; where a vendor's range is smaller, 2 is refused.
# Seen:  OpenAI is sent 1, the others 0.5: Claude, given its own default, answers other than without it. Its README, which lists
#        what each vendor supports, has no word of temperature.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" token.js@0.7.1 >/dev/null 2>&1
cat >seen.mjs <<'END'
import http from "node:http";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { TokenJS } = createRequire(import.meta.url)("token.js");
let sent;
const message = { role: "assistant", content: "ok" };
const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
const chat = { id: "c", object: "chat.completion", created: 1, model: "m", choices: [{ index: 0, finish_reason: "stop", message }], usage };
const claude = {
  id: "m", type: "message", role: "assistant", model: "m", content: [{ type: "text", text: "ok" }], stop_reason: "end_turn",
  usage: { input_tokens: 1, output_tokens: 1 },
};
const server = http.createServer(async (request, answer) => {
  let body = "";
  for await (const part of request) body += part;
  sent = JSON.parse(body);
  answer.setHeader("content-type", "application/json");
  answer.end(JSON.stringify(request.url.endsWith("/messages") ? claude : chat));
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const here = `http://127.0.0.1:${server.address().port}`;
process.env.ANTHROPIC_BASE_URL = here; // Token.js hands its `baseURL` to some of the vendors' packages only
const vendors = {
  openai: ["gpt-4o", { baseURL: `${here}/v1` }],
  anthropic: ["claude-3-5-sonnet-20240620", {}],
  mistral: ["mistral-large-2402", { baseURL: here }],
};
const seen = [];
for (const [provider, [model, options]] of Object.entries(vendors)) {
  const client = new TokenJS({ apiKey: "none", ...options });
  const messages = [{ role: "user", content: "hello" }];
  const told = [];
  for (const more of [{ temperature: 1 }, {}]) {
    await client.chat.completions.create({ provider, model, messages, ...more });
    told.push(sent.temperature ?? null);
  }
  seen.push(told);
}
server.closeAllConnections();
server.close();

const readme = readFileSync("node_modules/token.js/README.md", "utf8");
console.log("token.js", JSON.parse(readFileSync("node_modules/token.js/package.json")).version);
Object.keys(vendors).forEach((name, at) => console.log(`  ${name}: given 1, sent ${seen[at][0]}; given none, sent ${seen[at][1]}`));
process.exit(!/temperature/i.test(readme) && JSON.stringify(seen) === "[[1,null],[0.5,null],[0.5,null]]" ? 0 : 1);
END
node seen.mjs
