// Autoevals for Node: whether an answer says what was expected.
import { Factuality } from "autoevals";

console.log(await Factuality({ input: "Say hello.", output: "Hello.", expected: "Hello.", model: "gpt-4o-mini" }));
