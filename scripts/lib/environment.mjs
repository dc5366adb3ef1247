import { existsSync, readFileSync } from "node:fs";
import { delimiter } from "node:path";
import { at } from "./root.mjs";

/** Names the rustup toolchain to use where the default one cannot build for wasm32. Written by setup. */
export const toolchainFile = at(".tools", "toolchain");

let cached;

/** The environment of every command that the scripts run: the project's own tools come first. */
export function environment() {
	if (cached) return cached;
	cached = {
		...process.env,
		PATH: [at(".tools", "bin"), at("node_modules", ".bin"), process.env.PATH].join(delimiter),
		CARGO_TERM_PROGRESS_WHEN: "never",
	};
	if (!process.env.RUSTUP_TOOLCHAIN && existsSync(toolchainFile)) {
		cached.RUSTUP_TOOLCHAIN = readFileSync(toolchainFile, "utf8").trim();
	}
	return cached;
}

/** Makes the next command see what setup has just changed. */
export function forgetEnvironment() {
	cached = undefined;
}
