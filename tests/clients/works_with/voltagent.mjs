// VoltAgent: voltagent.mjs generate|stream.
import { openai } from "@ai-sdk/openai";
import { Agent } from "@voltagent/core";

const agent = new Agent({ name: "greeter", instructions: "You are friendly.", model: openai("gpt-4o-mini") });
if (process.argv[2] === "stream") {
  const { textStream } = await agent.streamText("Say hello.");
  for await (const text of textStream) process.stdout.write(text);
} else {
  console.log((await agent.generateText("Say hello.")).text);
}
process.exit();
