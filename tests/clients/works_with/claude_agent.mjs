// Claude's Agent SDK for Node, which brings Claude Code along.
import { query } from "@anthropic-ai/claude-agent-sdk";

for await (const message of query({ prompt: "Say hello.", options: { model: "claude-haiku-4-5", maxTurns: 1 } })) {
  console.log(JSON.stringify(message));
}
