#!/bin/sh
# LangChain's `modelRetryMiddleware` in JS tries again for the very class that it is told, and not for those that derive from it.
#
# Guess: `retryOn: [OpenAI.APIError]` means each error of the API, as `instanceof` has it, and `[Error]` any error.
# Seen:  a status 500 is `InternalServerError`, an APIError and an Error: told either, the model is asked once, and the agent
#        ends well, with the words of the error as the model's answer. Told nothing, or a function, it is asked three times.
set -eu
sed -n '2,6s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" langchain@1.5.14 @langchain/core@1.4.0 @langchain/openai@1.6.0 \
  openai@7.59.0 >/dev/null 2>&1
cat >seen.mjs <<'END'
import http from "node:http";
import { readFileSync } from "node:fs";
import { ChatOpenAI } from "@langchain/openai";
import { createAgent, modelRetryMiddleware } from "langchain";
import OpenAI from "openai";

let requests;
const provider = http.createServer(async (asked, answer) => {
  for await (const part of asked) part;
  requests += 1;
  answer.writeHead(500, { "content-type": "application/json" });
  answer.end('{"error":{"message":"overloaded","type":"server_error"}}');
});
await new Promise((ready) => provider.listen(0, "127.0.0.1", ready));
const configuration = { baseURL: `http://127.0.0.1:${provider.address().port}/v1` };
const model = new ChatOpenAI({ apiKey: "none", model: "gpt-4o", maxRetries: 0, configuration });

async function told(retryOn) {
  requests = 0;
  const options = { maxRetries: 2, initialDelayMs: 10, ...(retryOn && { retryOn }) };
  const agent = createAgent({ model, tools: [], middleware: [modelRetryMiddleware(options)] });
  const { messages } = await agent.invoke({ messages: [{ role: "user", content: "hello" }] });
  return [requests, messages.at(-1).getType()];
}
const ways = {
  "nothing": undefined,
  "(error) => error instanceof OpenAI.APIError": (error) => error instanceof OpenAI.APIError,
  "[OpenAI.InternalServerError]": [OpenAI.InternalServerError],
  "[OpenAI.APIError]": [OpenAI.APIError],
  "[Error]": [Error],
};
const seen = [];
for (const retryOn of Object.values(ways)) seen.push(await told(retryOn));
provider.closeAllConnections();
provider.close();

console.log("langchain", JSON.parse(readFileSync("node_modules/langchain/package.json")).version);
Object.keys(ways).forEach((how, at) => console.log(`  retryOn ${how}: ${seen[at][0]} requests, last message by "${seen[at][1]}"`));
process.exit(JSON.stringify(seen) === '[[3,"ai"],[3,"ai"],[3,"ai"],[1,"ai"],[1,"ai"]]' ? 0 : 1);
END
node seen.mjs
