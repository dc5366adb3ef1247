// A character that looks like another one, or like none, has no place in source: tests write it as an escape.

import { readFileSync } from "node:fs";
import { at } from "../lib/root.mjs";
import { filesBelow } from "../lib/stamp.mjs";

const folders = [
	"core",
	"wasm",
	"pkg",
	"node-adapter",
	"tests",
	"bench",
	"scripts",
	"examples",
	".cargo",
	".ci",
	"Cargo.toml",
	"clippy.toml",
];
const skipped = /(^|\/)(node_modules|dist|generated|target|fixtures)$/;
const source = /\.(rs|toml|ts|mts|cts|js|mjs|cjs|json)$/;

let found = 0;
for (const path of filesBelow(folders, (name) => skipped.test(name))) {
	if (!source.test(path)) continue;
	for (const [index, line] of readFileSync(at(path), "utf8").split("\n").entries()) {
		// biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII begins with them
		const other = /[^\x00-\x7f]/u.exec(line);
		if (!other) continue;
		found++;
		const code = other[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
		console.error(`${path}:${index + 1}:${other.index + 1}: U+${code}`);
	}
}
if (found > 0) process.exitCode = 1;
