#!/bin/sh
# Opik's wrapper of OpenAI's package for Node takes the input of the Responses API for output, and the output for input.
#
# Guess: a call by `responses.create` is sent to Opik with the same counts as the same one by `chat.completions.create`.
# Seen:  1,000 tokens in and 10 out by chat; by Responses 10 in and 1,000 out, seven times as much at gpt-5's prices.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" opik-openai@1.11.14 opik@1.11.14 openai@6.10.0 >/dev/null 2>&1
cat >seen.mjs <<'END'
import http from "node:http";
import { readFileSync } from "node:fs";
import OpenAI from "openai";
import { Opik } from "opik";
import { trackOpenAI } from "opik-openai";

const message = { role: "assistant", content: "x" };
const chat = {
  id: "c",
  object: "chat.completion",
  created: 1,
  model: "gpt-5",
  choices: [{ index: 0, finish_reason: "stop", message }],
  usage: { prompt_tokens: 1000, completion_tokens: 10, total_tokens: 1010 },
};
const content = [{ type: "output_text", text: "x", annotations: [] }];
const response = {
  id: "r",
  object: "response",
  created_at: 1,
  model: "gpt-5",
  status: "completed",
  output: [{ type: "message", id: "m", role: "assistant", status: "completed", content }],
  usage: { input_tokens: 1000, output_tokens: 10, total_tokens: 1010 },
};
const spans = [];

// Both servers in one: OpenAI's, and Opik's that is sent what was counted.
const server = http.createServer(async (asked, answer) => {
  const parts = [];
  for await (const part of asked) parts.push(part);
  answer.setHeader("content-type", "application/json");
  if (asked.url.startsWith("/openai")) {
    answer.end(JSON.stringify(asked.url.endsWith("/responses") ? response : chat));
    return;
  }
  if (asked.url.endsWith("/spans/batch")) spans.push(...JSON.parse(Buffer.concat(parts)).spans);
  answer.statusCode = 204;
  answer.end();
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const here = `http://127.0.0.1:${server.address().port}`;
const opik = new Opik({ apiUrl: `${here}/opik`, apiKey: "none", workspaceName: "w", projectName: "p" });
const client = trackOpenAI(new OpenAI({ apiKey: "none", baseURL: `${here}/openai/v1` }), { client: opik });

await client.chat.completions.create({ model: "gpt-5", messages: [{ role: "user", content: "hello" }] });
await client.responses.create({ model: "gpt-5", input: "hello" });
await client.flush();
server.closeAllConnections();
server.close();

const version = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version;
for (const name of ["opik-openai", "openai"]) console.log(name, version(name));
const told = spans.map(({ usage }) => [usage.prompt_tokens, usage.completion_tokens]);
["chat:     ", "responses:"].forEach((kind, at) => console.log(kind, `${told[at]?.[0]} in, ${told[at]?.[1]} out`));
process.exit(JSON.stringify(told) === "[[1000,10],[10,1000]]" ? 0 : 1);
END
node seen.mjs 2>&1
