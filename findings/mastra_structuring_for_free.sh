#!/bin/sh
# Mastra tells of a call whose answer a second model puts into a schema what the first model has used alone.
#
# Guess: `usage` of `generate(..., { structuredOutput: { schema, model } })` is what that call has used: both of its requests.
# Seen:  two requests of 1,000 tokens in are made and paid, 1,000 are told; in `totalUsage` and `onFinish` as in `usage`.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" @mastra/core@1.71.0 zod@4.1.13 >/dev/null 2>&1
cat >seen.mjs <<'END'
import http from "node:http";
import { readFileSync } from "node:fs";
import { Agent } from "@mastra/core/agent";
import { z } from "zod";

const usage = { prompt_tokens: 1000, completion_tokens: 10, total_tokens: 1010 };
let asked = [];
const provider = http.createServer(async (request, answer) => {
  let body = "";
  for await (const part of request) body += part;
  const { model, stream } = JSON.parse(body);
  asked.push(model);
  const message = { role: "assistant", content: model === "shaper" ? '{"amount":7}' : "The bill is seven dollars." };
  const head = { id: `c${asked.length}`, created: 1, model };
  const choice = { index: 0, finish_reason: "stop" };
  if (!stream) {
    answer.setHeader("content-type", "application/json");
    return answer.end(JSON.stringify({ ...head, object: "chat.completion", choices: [{ ...choice, message }], usage }));
  }
  const event = (more) => `data: ${JSON.stringify({ ...head, object: "chat.completion.chunk", ...more })}\n\n`;
  answer.setHeader("content-type", "text/event-stream");
  answer.end(event({ choices: [{ ...choice, delta: message }] }) + event({ choices: [], usage }) + "data: [DONE]\n\n");
});
await new Promise((ready) => provider.listen(0, "127.0.0.1", ready));
const url = `http://127.0.0.1:${provider.address().port}/v1`;
const model = (name) => ({ id: `own/${name}`, url, apiKey: "none" });
const agent = new Agent({ id: "a", name: "a", instructions: "Read bills.", model: model("reader") });

async function told(more) {
  asked = [];
  let finished;
  const onFinish = ({ totalUsage }) => (finished = totalUsage.inputTokens);
  const { usage, totalUsage } = await agent.generate("What is the bill?", { onFinish, ...more });
  return [asked.join(" "), usage.inputTokens, totalUsage.inputTokens, finished];
}
const schema = z.object({ amount: z.number() });
const seen = [await told({}), await told({ structuredOutput: { schema, model: model("shaper") } })];
provider.closeAllConnections();
provider.close();

console.log("@mastra/core", JSON.parse(readFileSync("node_modules/@mastra/core/package.json")).version);
["text alone:        ", "with a second model:"].forEach((how, at) => {
  const [models, used, total, finished] = seen[at];
  console.log(`  ${how} asked ${models}; in: usage ${used}, totalUsage ${total}, onFinish ${finished}`);
});
process.exit(JSON.stringify(seen) === '[["reader",1000,1000,1000],["reader shaper",1000,1000,1000]]' ? 0 : 1);
END
node seen.mjs
