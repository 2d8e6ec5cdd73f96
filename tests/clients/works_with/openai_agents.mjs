// OpenAI's Agents for Node: openai_agents.mjs run|stream.
import { Agent, run } from "@openai/agents";

const agent = new Agent({ name: "greeter", instructions: "You are friendly.", model: "gpt-4o-mini" });
if (process.argv[2] === "stream") {
  const answer = await run(agent, "Say hello.", { stream: true });
  for await (const part of answer.toTextStream()) process.stdout.write(part);
  await answer.completed;
} else {
  console.log((await run(agent, "Say hello.")).finalOutput);
}
process.exit(0);
