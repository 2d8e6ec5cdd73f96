// Instructor for Node.
import Instructor from "@instructor-ai/instructor";
import OpenAI from "openai";
import { z } from "zod";

const client = Instructor({ client: new OpenAI(), mode: "MD_JSON" });
const schema = z.object({ text: z.string().optional() }).passthrough();
const asked = { model: "gpt-4o-mini", messages: [{ role: "user", content: "Say hello." }], max_retries: 3 };
console.log(await client.chat.completions.create({ ...asked, response_model: { schema, name: "Greeting" } }));
