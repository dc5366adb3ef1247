// Everything that `npm test` runs, in order: what is quick and broken most often comes first.
//   needs   paths without which the section fails: a section never passes because there was nothing to run
//   counts  its commands are test runners: their totals are read, and none at all is a failure
//   steps   a list of commands, or a function that makes it (it may leave some out, saying why)

import { availableParallelism } from "node:os";
import { chromiumHelp, findChromium, findFirefox, findWebKit, firefoxHelp, webKitHelp } from "../lib/browsers.mjs";
import { inPath } from "../lib/executables.mjs";
import { filesBelow } from "../lib/stamp.mjs";
import { hasBareTarget } from "../setup/rust.mjs";

const wasm = ["--target", "wasm32-unknown-unknown"];
/** As the engine is built. */
const shipped = ["--features", "standalone", ...wasm];
const deny = ["--", "-D", "warnings"];
/** The suite for hosts, which nothing that is built for users holds. */
const conformance = ["--features", "streamkit-core/conformance"];

// What library code may not do, and test code may: a failing test is meant to panic.
const allowedInTests = [
	...["unwrap_used", "expect_used", "indexing_slicing", "string_slice", "panic", "panic_in_result_fn", "unreachable"],
	...["unwrap_in_result", "get_unwrap", "print_stdout", "print_stderr", "missing_panics_doc", "missing_errors_doc"],
	...["cast_possible_truncation", "cast_possible_wrap", "cast_sign_loss", "cast_precision_loss"],
	...["std_instead_of_core", "std_instead_of_alloc", "alloc_instead_of_core", "needless_pass_by_value"],
].flatMap((name) => ["-A", `clippy::${name}`]);

const cargo = (...args) => ["cargo", args];
const tsc = (folder) => ["tsc", ["--project", folder]];

// Folders below tests/ that are sections of their own.
const apart = new Set(["tests/azure", "tests/browser", "tests/edge", "tests/live", "tests/offline"]);

// A file of tests that hangs is named after this many milliseconds; the longest takes three minutes on two cores.
const perFile = 10 * 60_000;

/** Every test file below the folders, through Node's own runner. */
function nodeTests(...folders) {
	const skipped = (path) => apart.has(path) && !folders.includes(path);
	const files = filesBelow(folders, (path) => /(^|\/)(node_modules|fixtures)$/.test(path) || skipped(path));
	return testsIn(files.filter((path) => /\.test\.ts$/.test(path)));
}

/** These files of tests, through Node's own runner. */
function testsIn(tests) {
	// By itself the runner leaves one processor free, which of two is half: files mostly wait for other programs.
	const limits = [`--test-timeout=${perFile}`, `--test-concurrency=${availableParallelism()}`];
	const runner = ["--import", "tsx", "--test", "--test-reporter=spec", ...limits];
	return tests.length === 0 ? [] : [["node", [...runner, ...tests]]];
}

const browsers = {
	chromium: { find: findChromium, help: chromiumHelp },
	firefox: { find: findFirefox, help: firefoxHelp },
	webkit: { find: findWebKit, help: webKitHelp },
};

/** True where the browser is there. Its tests are left out where it is not after set-up, and the summary says so. */
function isThere({ find, help }, leaveOut) {
	const there = find() !== undefined;
	if (!there) leaveOut(help);
	return there;
}

export const sections = [
	{
		name: "ascii",
		group: "lint",
		title: "Source is ASCII",
		steps: [["node", ["scripts/test/ascii.mjs"]]],
	},
	{
		name: "rust-format",
		group: "lint",
		title: "Rust format",
		steps: [cargo("fmt", "--all", "--check")],
	},
	{
		name: "biome",
		group: "lint",
		title: "TypeScript format and lints",
		steps: [["biome", ["check", "--error-on-warnings", "."]]],
	},
	{
		name: "types",
		group: "lint",
		title: "TypeScript types",
		steps: [
			"pkg",
			"node-adapter",
			"tests",
			"bench",
			"examples/offline",
			"examples/offline/service-worker",
			"examples/worker",
		].map(tsc),
	},
	{
		name: "clippy",
		group: "lint",
		title: "Rust lints",
		steps: [
			cargo("clippy", "--locked", "--workspace", "--lib", "--bins", ...conformance, ...deny),
			cargo("clippy", "--locked", "--workspace", "--all-targets", ...conformance, ...deny, ...allowedInTests),
			cargo("clippy", "--locked", "--package", "streamkit-wasm", "--lib", ...shipped, ...deny),
			cargo("clippy", "--locked", "--package", "streamkit-wasm", "--lib", "--no-default-features", ...shipped, ...deny),
		],
	},
	{
		name: "no-std",
		group: "lint",
		title: "The core without an operating system",
		steps: (leaveOut) => {
			const check = (target, ...features) =>
				cargo("check", "--locked", "--package", "streamkit-core", "--target", target, ...features);
			const bare = "thumbv7em-none-eabihf";
			const hosted = (...features) => check("wasm32-unknown-unknown", ...features);
			const least = "--no-default-features";
			const both = [hosted(), hosted(least, ...conformance)];
			if (hasBareTarget()) return [...both, check(bare), check(bare, least), check(bare, least, ...conformance)];
			leaveOut(`${bare} is not installed`);
			return both;
		},
	},
	{
		name: "rust-docs",
		group: "lint",
		title: "Rust documentation",
		steps: [cargo("rustdoc", "--locked", "--package", "streamkit-core", "--lib", ...conformance, ...deny)],
	},
	{
		name: "core",
		group: "rust",
		title: "Engine, and with as little of it as a browser loads first",
		counts: true,
		steps: [
			cargo("test", "--locked", "--package", "streamkit-crc32c", "--package", "streamkit-core", ...conformance),
			cargo("test", "--locked", "--package", "streamkit-core", "--no-default-features", "--lib", "--tests"),
		],
	},
	{
		name: "rust-example",
		group: "rust",
		title: "The engine embedded in a Rust program",
		steps: [cargo("run", "--locked", "--package", "streamkit-core", "--example", "embedded")],
	},
	{
		name: "wasm",
		group: "rust",
		title: "WebAssembly binding, in Node",
		counts: true,
		steps: [cargo("test", "--locked", "--package", "streamkit-wasm", "--tests", ...wasm)],
	},
	{
		name: "simulation",
		group: "rust",
		title: "Simulation",
		counts: true,
		steps: [cargo("test", "--locked", "--package", "streamkit-simulation", "--profile", "sim")],
	},
	{
		name: "streamkit",
		group: "npm",
		title: "streamkit",
		counts: true,
		needs: ["pkg/test"],
		steps: () => nodeTests("pkg/test"),
	},
	{
		name: "node-adapter",
		group: "npm",
		title: "@streamkit/node",
		counts: true,
		needs: ["node-adapter/test"],
		steps: () => nodeTests("node-adapter/test"),
	},
	{
		name: "live",
		group: "npm",
		title: "Live across instances, threads and processes",
		counts: true,
		needs: ["tests/live"],
		steps: () => nodeTests("tests/live"),
	},
	{
		name: "across",
		group: "npm",
		title: "Across packages",
		counts: true,
		needs: ["tests/packaging", "tests/durability", "tests/hosts"],
		steps: () => nodeTests("tests"),
	},
	{
		name: "azure",
		group: "npm",
		title: "streamkit/azure, on the emulator",
		counts: true,
		needs: ["tests/azure", "node_modules/azurite"],
		steps: () => nodeTests("tests/azure"),
	},
	{
		name: "edge",
		group: "npm",
		title: "Durable Objects and Workers KV, in workerd",
		counts: true,
		needs: ["tests/edge", "node_modules/miniflare"],
		steps: () => nodeTests("tests/edge"),
	},
	{
		name: "browser",
		group: "npm",
		title: "In browsers",
		counts: true,
		needs: ["tests/browser"],
		steps: (leaveOut) => {
			const there = Object.entries(browsers).filter(([, browser]) => isThere(browser, leaveOut));
			return testsIn(there.map(([name]) => `tests/browser/${name}.test.ts`));
		},
	},
	{
		name: "offline",
		group: "npm",
		title: "The offline example, in a browser",
		counts: true,
		needs: ["tests/offline", "examples/offline"],
		steps: (leaveOut) => (isThere(browsers.chromium, leaveOut) ? nodeTests("tests/offline") : []),
	},
	{
		name: "size",
		group: "npm",
		title: "Size of what each entry point loads",
		steps: [["node", ["scripts/size.mjs"]]],
	},
	{
		name: "bench",
		group: "npm",
		title: "Benchmarks: that every row runs; so few events say nothing of speed",
		needs: ["node_modules/azurite", "node_modules/miniflare"],
		steps: (leaveOut) => {
			if (inPath("redis-server") === undefined) leaveOut("rows against Redis: there is no redis-server in PATH");
			const bench = (program, ...options) => [
				"node",
				["--import", "tsx", `bench/${program}/main.ts`, "--rounds", "1", ...options],
			];
			const steps = [
				bench("src", "--events", "500"),
				bench("edge", "--batches", "1"),
				bench("azure", "--events", "1000"),
			];
			if (isThere(browsers.chromium, leaveOut)) steps.push(bench("browser", "--events", "1000"));
			return steps;
		},
	},
	{
		name: "demo",
		group: "npm",
		title: "Demo",
		needs: ["scripts/demo.mjs"],
		steps: [["node", ["scripts/demo.mjs"]]],
	},
];
