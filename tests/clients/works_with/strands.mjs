// Strands Agents for Node: strands.mjs.
import { Agent } from "@strands-agents/sdk";
import { OpenAIModel } from "@strands-agents/sdk/models/openai";

const agent = new Agent({ model: new OpenAIModel({ api: "chat", modelId: "gpt-4o-mini" }), printer: false });
console.log(JSON.stringify(await agent.invoke("Say hello.")));
