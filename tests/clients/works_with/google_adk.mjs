// Google's ADK for Node: google_adk.mjs.
import { InMemoryRunner, LlmAgent } from "@google/adk";

const agent = new LlmAgent({ name: "greeter", model: "gemini-2.5-flash", instruction: "You greet." });
const runner = new InMemoryRunner({ agent, appName: "greeter" });
const session = await runner.sessionService.createSession({ appName: "greeter", userId: "somebody" });
const newMessage = { role: "user", parts: [{ text: "Say hello." }] };
for await (const event of runner.runAsync({ userId: "somebody", sessionId: session.id, newMessage })) {
  console.log(JSON.stringify(event));
  if (event.errorCode) process.exitCode = 1;
}
