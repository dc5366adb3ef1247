import { main } from "./lib/console.mjs";
import { run } from "./lib/process.mjs";

await main(async () => {
	await run("cargo", ["fmt", "--all"]);
	await run("biome", ["check", "--write", "."]);
});
