#!/bin/sh
# Mastra's ResponseCache answers a call that asks for a schema, or offers tools, with what one has got that did not.
#
# Guess: an entry is for calls that would get the same answer: its key has all that the request has, or the rest is not cached.
# Seen:  the key has the prompt and the model alone. After a plain call the same one with a schema fails without a request, as
#        the cached text is no object; with a tool it is answered by the old text, with another temperature too.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" @mastra/core@1.71.0 zod@4.1.13 >/dev/null 2>&1
cat >seen.mjs <<'END'
import http from "node:http";
import { readFileSync } from "node:fs";
import { Agent } from "@mastra/core/agent";
import { InMemoryServerCache } from "@mastra/core/cache";
import { ResponseCache } from "@mastra/core/processors";
import { createTool } from "@mastra/core/tools";
import { z } from "zod";

const usage = { prompt_tokens: 1000, completion_tokens: 10, total_tokens: 1010 };
let requests = 0;
// A model that calls a tool where it has one, and gives JSON where it is asked for that.
const provider = http.createServer(async (request, answer) => {
  let body = "";
  for await (const part of request) body += part;
  const { messages, model, response_format, tools } = JSON.parse(body);
  requests += 1;
  const called = tools && messages.at(-1).role !== "tool";
  const call = { id: "t", type: "function", function: { name: "bill", arguments: "{}" } };
  const text = tools ? "It is 9." : response_format ? '{"amount":7}' : "I cannot know.";
  const message = called ? { role: "assistant", content: null, tool_calls: [call] } : { role: "assistant", content: text };
  const choices = [{ index: 0, finish_reason: called ? "tool_calls" : "stop", message }];
  answer.setHeader("content-type", "application/json");
  answer.end(JSON.stringify({ id: `c${requests}`, object: "chat.completion", created: 1, model, choices, usage }));
});
await new Promise((ready) => provider.listen(0, "127.0.0.1", ready));
const model = { id: "own/m", url: `http://127.0.0.1:${provider.address().port}/v1`, apiKey: "none" };
const execute = async () => ({ amount: 9 });
const bill = createTool({ id: "bill", description: "The bill", inputSchema: z.object({}), execute });
console.error = () => {};

const agentOf = (inputProcessors) => new Agent({ id: "a", name: "a", instructions: "Read bills.", model, inputProcessors });
async function told(agent, more) {
  requests = 0;
  const ended = await agent.generate("What is the bill?", more).then(
    ({ object, text }) => (object ? JSON.stringify(object) : text),
    ({ id }) => id,
  );
  return [requests, ended];
}
const calls = {
  "plain:      ": {},
  "temperature:": { modelSettings: { temperature: 1 } },
  "tool:       ": { toolsets: { all: { bill } } },
  "schema:     ": { structuredOutput: { schema: z.object({ amount: z.number() }) } },
};
const seen = [];
const [without, cached] = [agentOf([]), agentOf([new ResponseCache({ cache: new InMemoryServerCache(), scope: null })])];
for (const more of Object.values(calls)) seen.push([await told(without, more), await told(cached, more)]);
provider.closeAllConnections();
provider.close();

console.log("@mastra/core", JSON.parse(readFileSync("node_modules/@mastra/core/package.json")).version);
Object.keys(calls).forEach((how, at) => {
  const [[made, answer], [madeCached, cachedAnswer]] = seen[at];
  console.log(`  ${how} ${made} requests, ${answer} With the cache: ${madeCached} requests, ${cachedAnswer}`);
});
const told_by_cache = seen.map(([, [made, answer]]) => `${made} ${answer}`);
const expected = ["1 I cannot know.", "0 I cannot know.", "0 I cannot know.", "0 STRUCTURED_OUTPUT_SCHEMA_VALIDATION_FAILED"];
const alone = seen.map(([[made, answer]]) => `${made} ${answer}`).join("; ");
const right = alone === '1 I cannot know.; 1 I cannot know.; 2 It is 9.; 1 {"amount":7}';
process.exit(right && JSON.stringify(told_by_cache) === JSON.stringify(expected) ? 0 : 1);
END
node seen.mjs
