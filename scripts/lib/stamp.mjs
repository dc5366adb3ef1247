// Work is skipped when the content that it is made from is the content it was last made from.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { at } from "./root.mjs";

/** All files below the given files and folders (repository paths), sorted. */
export function filesBelow(paths, skip = () => false) {
	const found = [];
	const visit = (path) => {
		if (skip(path) || !existsSync(at(path))) return;
		if (statSync(at(path)).isDirectory()) {
			for (const name of readdirSync(at(path))) visit(join(path, name));
		} else {
			found.push(path);
		}
	};
	for (const path of paths) visit(path);
	return found.sort();
}

/** A hash over names and contents of files, and over anything else that matters. */
export function contentHash(paths, extra = []) {
	const hash = createHash("sha256");
	for (const text of extra) hash.update(`${text}\0`);
	for (const path of filesBelow(paths)) {
		hash.update(`${path}\0`);
		hash.update(
			createHash("sha256")
				.update(readFileSync(at(path)))
				.digest(),
		);
	}
	return hash.digest("hex");
}

const stampFile = (name) => at(".tools", "stamps", name);

/** True when `name` was last made from `hash` and its outputs are still there. */
export function isFresh(name, hash, outputs) {
	return (
		existsSync(stampFile(name)) &&
		readFileSync(stampFile(name), "utf8") === hash &&
		outputs.every((path) => existsSync(at(path)))
	);
}

/**
 * Makes `name` from `hash`. Until that has succeeded it counts as made from nothing: work that was broken off may have
 * replaced a part of what was there before.
 */
export async function make(name, hash, work) {
	rmSync(stampFile(name), { force: true });
	await work();
	mkdirSync(dirname(stampFile(name)), { recursive: true });
	writeFileSync(stampFile(name), hash);
}
