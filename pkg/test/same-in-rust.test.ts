// What both sides of the wasm boundary keep by hand: a number, a list or an order that differs fails here, by its name.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const source = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

/** The value of a number in Rust or TypeScript, which may be made of others. */
function value(expression: string): number {
	const plain = expression
		.replaceAll("u32::MAX", "0xffffffff")
		.replaceAll(/(?<=\d)_(?=\d)/g, "")
		.replaceAll(/(\d+) << (\d+)/g, (_, number, bits) => String(Number(number) * 2 ** Number(bits)));
	assert.match(plain, /^[\dxa-f\s()*+-]+$/, `not a number: ${expression}`);
	return Number(new Function(`return ${plain};`)());
}

/** What is on the right of a constant's name. */
function constant(path: string, name: string): number {
	const found = new RegExp(`^\\s*(?:export |pub |pub\\([a-z ]+\\) )*const ${name}\\b[^=]*= ([^;]+);`, "m").exec(
		source(path),
	);
	assert.ok(found?.[1] !== undefined, `${path} has no constant ${name}`);
	return value(found[1]);
}

/** All that a pattern finds in what lies between two texts. */
function listed(path: string, start: string, end: string, pattern: RegExp): string[] {
	const text = source(path);
	const from = text.indexOf(start);
	assert.ok(from >= 0, `${path} does not say ${start}`);
	return [...text.slice(from, text.indexOf(end, from)).matchAll(pattern)].map(([, found]) => found as string);
}

const PAGE = ["core/src/store/read/page.rs", "pkg/src/framing/page-frame.ts"] as const;
const BRIDGE = ["wasm/src/bridge/requests.rs", "pkg/src/engine/bridge-frames.ts"] as const;
const GROUPS = ["core/src/groups/options.rs", "pkg/src/streams/group-options.ts"] as const;

/** In Rust, in TypeScript, and there: the same name unless another one is given. */
const SAME: readonly (readonly [rust: string, typescript: string, inRust: string, inTypeScript?: string])[] = [
	["core/src/name.rs", "pkg/src/common/validate.ts", "MAX_NAME_BYTES"],
	["core/src/name.rs", "pkg/src/hosts/azure/places.ts", "MAX_NAME_BYTES", "NAME_BYTES"],
	["core/src/codec/records.rs", "pkg/src/framing/record-frame.ts", "ENTRY_LENGTHS", "LENGTHS"],
	[...PAGE, "RUN_FIELDS"],
	[...PAGE, "LENT"],
	[...PAGE, "BEGINS", "NEXT_ARRAY"],
	[...BRIDGE, "ABSENT"],
	[...BRIDGE, "APART"],
	[...BRIDGE, "APART_BYTES"],
	["core/src/streams/lifecycle.rs", "pkg/src/streams/info.ts", "MOST_PARTITIONS"],
	["core/src/layout/group.rs", "pkg/src/streams/group-options.ts", "MOST_SLOTS"],
	[...GROUPS, "MOST_RECORDS", "MOST_IDS"],
];

for (const [rust, typescript, inRust, inTypeScript = inRust] of SAME) {
	test(`the same in Rust and TypeScript: ${inTypeScript} of ${typescript}`, () => {
		assert.equal(constant(typescript, inTypeScript), constant(rust, inRust));
	});
}

test("timestamps and integers end where those of the engine do", () => {
	assert.equal(constant("pkg/src/common/validate.ts", "TIMESTAMP_END"), constant("core/src/id.rs", "MAX_MS") + 1);
	assert.equal(Number.MAX_SAFE_INTEGER, constant("core/src/id.rs", "MAX_INTEGER"));
});

test("an import gives a sign of life well before the engine takes it for broken off", () => {
	const sign = constant("pkg/src/store/maintenance.ts", "SIGN_OF_LIFE_MS");
	assert.ok(sign * 2 < constant("core/src/store/abandoned.rs", "BROKEN_OFF_AFTER"));
});

test("the modes of a group are counted alike", () => {
	const rust = listed("core/src/layout/group.rs", "pub enum GroupMode {", "\n}", /^\s+([A-Z]\w+),$/gm);
	const snake = rust.map((name) => name.replaceAll(/(?<!^)[A-Z]/g, (letter) => `_${letter}`).toLowerCase());
	assert.deepEqual(listed("pkg/src/streams/group-frames.ts", "const MODES = [", "]", /"(\w+)"/g), snake);
});

test("the engine and the package know the same error codes", () => {
	const rust = listed("core/src/error.rs", "pub const fn as_str(", "\n    }\n", /=> "(\w+)"/g);
	const typescript = listed("pkg/src/errors.ts", "const CODES", "])", /"(\w+)"/g);
	// Who takes a call back hears the signal's reason instead.
	assert.deepEqual([...typescript, "ABORTED"].sort(), rust.sort());
	assert.ok(rust.length > 10);
});

/** Words that lead a key, each with the zero byte after it, as both languages write them. */
const wordsOf = (list: string): string => [...list.matchAll(/"(\w+)"/g)].map(([, word]) => `${word}\\0`).join("");

test("Azure Table Storage keeps together what one commit of the engine covers", () => {
	const rust = listed("core/src/layout/scope.rs", "const OF_SPACES", "\n    ];", /&\[("[^\]]+)\]/g).map(wordsOf);
	const azure = listed("pkg/src/hosts/azure/places.ts", "const KINDS", "] as const", /\["\w", "([^"]+)"\]/g);
	assert.deepEqual(azure, rust.sort());
	const transactions = /after\(&\[("\w+")\]\)[^;]*uuid/.exec(source("core/src/layout/scope.rs"))?.[1] ?? "";
	assert.match(
		source("pkg/src/hosts/azure/places.ts"),
		new RegExp(`TRANSACTIONS = encodeUtf8\\("${wordsOf(transactions).replace("\\", "\\\\")}"\\)`),
	);
});

test("the row that opening a store writes has one key", () => {
	const words = /key::begin\(&\[("\w+", "\w+")\]\)/.exec(source("core/src/layout/identity.rs"))?.[1] ?? "";
	assert.ok(source("pkg/src/namespaces/recorded-host.ts").includes(`LexKey.encode(${words})`));
	assert.ok(source("pkg/src/hosts/indexeddb/content.ts").includes(`encodeUtf8("${wordsOf(words).slice(0, -2)}")`));
});
