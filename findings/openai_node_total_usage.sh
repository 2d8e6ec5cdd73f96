#!/bin/sh
# OpenAI's package for Node says that a loop of tools which is streamed has used 0 tokens in all.
#
# Guess: `totalUsage()` of `runTools` is the sum of the loop's calls, streamed as not, or fails where it does not know.
# Seen:  two calls of 1,000 tokens in: 2,000 not streamed; streamed zeros, as the package did not ask the server to tell.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" openai@6.49.0 >/dev/null 2>&1
cat >seen.mjs <<'END'
import http from "node:http";
import { readFileSync } from "node:fs";
import OpenAI from "openai";

const usage = { prompt_tokens: 1000, completion_tokens: 10, total_tokens: 1010 };
const call = { id: "call_1", type: "function", function: { name: "today", arguments: "{}" } };
let calls = 0;

// A provider that asks for the tool first, and tells usage in a stream only where it is asked to, as OpenAI does.
const provider = http.createServer(async (asked, answer) => {
  let body = "";
  for await (const part of asked) body += part;
  const { stream, stream_options, messages } = JSON.parse(body);
  calls += 1;
  const wants = messages.at(-1).role === "user";
  const said = wants ? { role: "assistant", content: null, tool_calls: [call] } : { role: "assistant", content: "Monday" };
  const finish_reason = wants ? "tool_calls" : "stop";
  const head = { id: `c${calls}`, created: 1, model: "gpt-5" };
  if (!stream) {
    const choices = [{ index: 0, finish_reason, message: said }];
    answer.setHeader("content-type", "application/json");
    answer.end(JSON.stringify({ ...head, object: "chat.completion", choices, usage }));
    return;
  }
  const chunk = (choices, more) => ({ ...head, object: "chat.completion.chunk", choices, ...more });
  const delta = wants ? { ...said, tool_calls: [{ index: 0, ...call }] } : said;
  const chunks = [chunk([{ index: 0, delta, finish_reason: null }]), chunk([{ index: 0, delta: {}, finish_reason }])];
  if (stream_options?.include_usage) chunks.push(chunk([], { usage }));
  answer.setHeader("content-type", "text/event-stream");
  answer.end(chunks.map((one) => `data: ${JSON.stringify(one)}\n\n`).join("") + "data: [DONE]\n\n");
});
await new Promise((ready) => provider.listen(0, "127.0.0.1", ready));
const client = new OpenAI({ apiKey: "none", baseURL: `http://127.0.0.1:${provider.address().port}/v1` });

async function total(more) {
  calls = 0;
  const tool = { name: "today", description: "The day", parameters: { type: "object", properties: {} } };
  const runner = client.chat.completions.runTools({
    model: "gpt-5",
    messages: [{ role: "user", content: "Which day is it?" }],
    tools: [{ type: "function", function: { ...tool, function: () => "Monday" } }],
    ...more,
  });
  return { calls: (await runner.done(), calls), ...(await runner.totalUsage()) };
}

const whole = await total({});
const streamed = await total({ stream: true });
const asked = await total({ stream: true, stream_options: { include_usage: true } });
provider.closeAllConnections();
provider.close();
console.log("openai", JSON.parse(readFileSync("node_modules/openai/package.json")).version);
console.log("not streamed:                ", JSON.stringify(whole));
console.log("streamed:                    ", JSON.stringify(streamed));
console.log("streamed, with include_usage:", JSON.stringify(asked));
const found = [whole, streamed, asked].every(({ calls }) => calls === 2)
  && whole.total_tokens === 2020 && streamed.total_tokens === 0 && asked.total_tokens === 2020;
process.exit(found ? 0 : 1);
END
node seen.mjs
