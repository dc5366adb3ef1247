// The wasm-bindgen command line tools, in the release that Cargo.lock names: any other refuses the module.

import { existsSync, readFileSync } from "node:fs";
import { Problem, step } from "../lib/console.mjs";
import { output, run } from "../lib/process.mjs";
import { at } from "../lib/root.mjs";

const names = ["wasm-bindgen", "wasm-bindgen-test-runner"];
const executable = (name) => at(".tools", "bin", name);

function lockedVersion() {
	const version = /name = "wasm-bindgen"\nversion = "([^"]+)"/.exec(readFileSync(at("Cargo.lock"), "utf8"))?.[1];
	if (!version) throw new Problem("Cargo.lock does not name wasm-bindgen");
	return version;
}

export async function wasmBindgen() {
	const version = lockedVersion();
	const there =
		names.every((name) => existsSync(executable(name))) &&
		output(executable("wasm-bindgen"), ["--version"]) === `wasm-bindgen ${version}`;
	if (there) return;
	await step(`Installing wasm-bindgen-cli ${version} into .tools`, "it writes the JavaScript side of the engine", () =>
		run(
			"cargo",
			[
				...["install", "wasm-bindgen-cli", "--version", version, "--root", at(".tools")],
				// No --locked: its lock file may name releases that are no longer there.
				...["--no-default-features", ...names.flatMap((name) => ["--bin", name])],
			],
			// Unoptimised is as quick where it counts, and takes a third of the time to build.
			{ env: { CARGO_PROFILE_RELEASE_OPT_LEVEL: "0", CARGO_PROFILE_RELEASE_STRIP: "true" } },
		),
	);
}
