// LangGraph for Node: langgraph.mjs invoke|stream, an agent with a tool.
import { ChatOpenAI } from "@langchain/openai";
import { createReactAgent } from "@langchain/langgraph/prebuilt";

const agent = createReactAgent({ llm: new ChatOpenAI({ model: "gpt-4o-mini" }), tools: [] });
const asked = { messages: [{ role: "user", content: "Say hello." }] };
if (process.argv[2] === "stream") {
  for await (const part of await agent.stream(asked, { streamMode: "messages" })) console.log(JSON.stringify(part));
} else {
  console.log(JSON.stringify((await agent.invoke(asked)).messages));
}
