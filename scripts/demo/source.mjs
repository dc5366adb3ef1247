import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const require = createRequire(import.meta.url);

/** A data set of the npm package vega-datasets, and how many bytes its file has. */
export function dataset(name) {
	const file = readFileSync(join(dirname(require.resolve("vega-datasets/package.json")), "data", name));
	return { value: JSON.parse(file.toString("utf8")), bytes: file.length };
}

/** Items by key, each group in the order of the items. */
export function groupBy(items, key) {
	const groups = new Map();
	for (const item of items) {
		const name = key(item);
		const group = groups.get(name);
		if (group === undefined) groups.set(name, [item]);
		else group.push(item);
	}
	return groups;
}

/** SHA-256 over payloads, one after the other. */
export function checksum(payloads) {
	const hash = createHash("sha256");
	for (const payload of payloads) hash.update(payload);
	return hash.digest("hex");
}

/** Whether the first id is before the second: they are "<ms>-<n>". */
export function isBefore(first, second) {
	const [ms, n] = first.split("-").map(Number);
	const [laterMs, laterN] = second.split("-").map(Number);
	return ms < laterMs || (ms === laterMs && n < laterN);
}

export const number = (value) => Math.round(value).toLocaleString("en-US");

/** All that an async iterable gives. */
export async function listed(items) {
	const all = [];
	for await (const item of items) all.push(item);
	return all;
}
