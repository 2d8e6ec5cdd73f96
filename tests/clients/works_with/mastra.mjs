// Mastra: mastra.mjs generate|stream.
import { openai } from "@ai-sdk/openai";
import { Agent } from "@mastra/core/agent";

const agent = new Agent({ id: "greeter", name: "greeter", instructions: "Be brief.", model: openai("gpt-4o-mini") });
if (process.argv[2] === "stream") {
  const made = await agent.stream("Say hello.");
  for await (const text of made.textStream) process.stdout.write(text);
} else {
  console.log((await agent.generate("Say hello.")).text);
}
