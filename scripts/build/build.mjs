// Engine, then packages, each only when its inputs have changed.

import { existsSync, readdirSync } from "node:fs";
import { step } from "../lib/console.mjs";
import { at } from "../lib/root.mjs";
import { contentHash, isFresh, make } from "../lib/stamp.mjs";
import { buildEngine, engineOutputs } from "./engine.mjs";
import { buildPackage } from "./package.mjs";

const scripts = readdirSync(at("scripts", "build")).map((name) => `scripts/build/${name}`);
const shared = ["package-lock.json", "tsconfig.base.json", ...scripts];

const parts = [
	{
		name: "engine",
		title: "Building the engine (Rust to WebAssembly)",
		inputs: [
			".cargo/config.toml",
			"Cargo.toml",
			"Cargo.lock",
			"core/Cargo.toml",
			"core/src",
			"core/crc32c",
			"wasm/Cargo.toml",
			"wasm/src",
			...shared,
		],
		outputs: engineOutputs,
		work: buildEngine,
	},
	{
		name: "streamkit",
		title: "Building streamkit",
		inputs: ["pkg/src", "pkg/package.json", "pkg/tsconfig.build.json", ...shared],
		outputs: ["pkg/dist/entry/node.js", "pkg/dist/index.d.cts"],
		work: () => buildPackage("pkg"),
	},
	{
		name: "streamkit-node",
		title: "Building @streamkit/node",
		// Its declarations are checked against those of streamkit, and its program says which module it begins with.
		inputs: [
			...["node-adapter/src", "node-adapter/bin", "node-adapter/package.json", "node-adapter/tsconfig.build.json"],
			...["pkg/src", "pkg/package.json"],
			...shared,
		],
		outputs: ["node-adapter/dist/index.js", "node-adapter/dist/index.d.cts"],
		work: () => buildPackage("node-adapter"),
	},
];

/** Brings everything built up to date. `compiler` identifies the Rust compiler. */
export async function build(compiler) {
	for (const { name, title, inputs, outputs, work } of parts) {
		const hash = contentHash(inputs, name === "engine" ? [compiler] : []);
		if (isFresh(name, hash, outputs)) continue;
		await step(title, "its inputs have changed", () => make(name, hash, work));
		// An output that is never made would have the part built anew by every run.
		const missing = outputs.filter((path) => !existsSync(at(path)));
		if (missing.length > 0) throw new Error(`${title} made no ${missing.join(", ")}`);
	}
}
