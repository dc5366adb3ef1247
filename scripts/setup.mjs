// Makes a checkout ready: tools, packages, build. Does only what is missing, and says what and why.
// Uses nothing but Node itself: nothing else is there yet.

import { duration, main, Problem, say } from "./lib/console.mjs";
import { browsers } from "./setup/browsers.mjs";
import { packages } from "./setup/packages.mjs";
import { rust } from "./setup/rust.mjs";
import { wasmBindgen } from "./setup/wasm-bindgen.mjs";

// As in package.json and README.md.
const oldestNode = [20, 15];

await main(async () => {
	const start = Date.now();
	const [major, minor] = process.versions.node.split(".").map(Number);
	if (major < oldestNode[0] || (major === oldestNode[0] && minor < oldestNode[1])) {
		throw new Problem(
			`Node ${oldestNode.join(".")} or newer is needed, this is ${process.versions.node}: see https://nodejs.org`,
		);
	}
	const compiler = await rust();
	await wasmBindgen();
	await packages();
	await browsers();
	// Loaded only now: the build uses packages.
	const { build } = await import("./build/build.mjs");
	await build(compiler);
	say(`Set-up is complete (${duration(Date.now() - start)}).`);
});
