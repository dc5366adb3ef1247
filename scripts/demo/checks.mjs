import { isDeepStrictEqual } from "node:util";
import { red, say } from "../lib/console.mjs";

const SHOWN = 3;

/** Facts that were checked against the source, by what they say. */
export class Checks {
	#kinds = new Map();

	/** Notes whether a fact holds; one that does not is printed. */
	equal(what, actual, expected) {
		const kind = this.#kinds.get(what) ?? { what, facts: 0, failed: 0 };
		this.#kinds.set(what, kind);
		kind.facts += 1;
		if (actual === expected || isDeepStrictEqual(actual, expected)) return;
		kind.failed += 1;
		if (kind.failed <= SHOWN) say(red(`${what}: expected ${show(expected)}, got ${show(actual)}`));
	}

	summary() {
		return [...this.#kinds.values()];
	}

	get facts() {
		return this.summary().reduce((sum, { facts }) => sum + facts, 0);
	}

	get failed() {
		return this.summary().reduce((sum, { failed }) => sum + failed, 0);
	}
}

function show(value) {
	const text = JSON.stringify(value) ?? String(value);
	return text.length > 200 ? `${text.slice(0, 200)}...` : text;
}
