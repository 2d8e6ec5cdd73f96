// Inngest's AgentKit: agent_kit.mjs openai|anthropic.
import { anthropic, createAgent, openai } from "@inngest/agent-kit";

const model = process.argv[2] === "openai"
  ? openai({ model: "gpt-4o-mini" })
  : anthropic({ model: "claude-haiku-4-5", defaultParameters: { max_tokens: 100 } });
const agent = createAgent({ name: "greeter", system: "You are friendly.", model });
console.log(JSON.stringify((await agent.run("Say hello.")).output));
