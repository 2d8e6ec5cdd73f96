// Google's package with its own retries switched on.
import { GoogleGenAI } from "@google/genai";

const ai = new GoogleGenAI({ apiKey: process.env.GEMINI_API_KEY, httpOptions: { retryOptions: {} } });
const answer = await ai.models.generateContent({ model: "gemini-2.5-flash", contents: "Say hello." });
console.log(answer.text);
