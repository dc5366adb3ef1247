// The Rust compiler with the parts that this project needs.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { note, Problem, step } from "../lib/console.mjs";
import { exitCode, output, run } from "../lib/process.mjs";
import { isFresh, make } from "../lib/stamp.mjs";
import { debianToolchain } from "./debian-toolchain.mjs";

const wasm = "wasm32-unknown-unknown";
// Only checked, never shipped: shows that the core needs no operating system.
const bare = "thumbv7em-none-eabihf";

const libraryOf = (target) => output("rustc", ["--print", "target-libdir", "--target", target]);
const hasTarget = (target) => existsSync(libraryOf(target) ?? "");
const hasTool = (sysroot, name) => existsSync(join(sysroot, "bin", name));

/** True when code can be compiled for the target that has no operating system. */
export const hasBareTarget = () => hasTarget(bare);

/** Completes the toolchain. Returns what identifies the compiler. */
export async function rust() {
	const rustup = output("rustup", ["--version"], { cwd: "/" }) !== undefined;
	if (output("rustc", ["-vV"]) === undefined) {
		if (!rustup) {
			throw new Problem(
				"Rust is needed and cargo was not found: install it from https://rustup.rs, then run this again.",
			);
		}
		await step("Installing the Rust toolchain", "rust-toolchain.toml names one that is not installed", () =>
			run("rustup", ["toolchain", "install", "stable", "--profile", "minimal", "--no-self-update"]),
		);
	}
	if (!hasTarget(wasm)) {
		await step(`Adding the Rust target ${wasm}`, "the engine is compiled to WebAssembly", async () => {
			const added = rustup && (await exitCode("rustup", ["target", "add", wasm])) === 0;
			if (!added) await debianToolchain(rustup);
			if (!hasTarget(wasm)) throw new Problem(`the Rust target ${wasm} could not be added`);
		});
	}
	const compiler = output("rustc", ["-vV"]);
	if (rustup && !hasTarget(bare) && !isFresh(bare, compiler, [])) {
		await step(`Adding the Rust target ${bare}`, "npm test checks that the core needs no operating system", () =>
			make(bare, compiler, async () => {
				if ((await exitCode("rustup", ["target", "add", bare])) !== 0) note("not available: that check is left out");
			}),
		);
	}
	const sysroot = output("rustc", ["--print", "sysroot"]);
	const missing = ["rustfmt", "clippy"].filter(
		(name) => !hasTool(sysroot, `cargo-${name === "clippy" ? "clippy" : "fmt"}`),
	);
	if (missing.length > 0) {
		if (!rustup) throw new Problem(`${missing.join(" and ")} not found: install them beside cargo`);
		await step(`Adding ${missing.join(" and ")}`, "npm test checks format and lints", () =>
			run("rustup", ["component", "add", ...missing]),
		);
	}
	return compiler;
}
