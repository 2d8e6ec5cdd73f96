// A program that writes the message of a commit, in a repository with one change: committing.mjs PROGRAM ...
import { execFileSync, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const [program, ...words] = process.argv.slice(2);
execFileSync("git", ["init", "--quiet"]);
execFileSync("git", ["config", "user.email", "somebody@example.com"]);
execFileSync("git", ["config", "user.name", "Somebody"]);
writeFileSync("greeting.txt", "hello\n");
execFileSync("git", ["add", "greeting.txt"]);
const bin = join(dirname(fileURLToPath(import.meta.url)), "node_modules", ".bin", program);
process.exit(spawnSync(bin, words, { stdio: "inherit" }).status ?? 1);
