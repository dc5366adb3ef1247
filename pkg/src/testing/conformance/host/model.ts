import { compareBytes } from "../../../common/bytes.js";
import type { HostKv, ScanRange } from "../../../host.js";
import { generator } from "../../generator.js";
import { assert, same } from "../assert.js";
import { type Case, needsConsistency, needsQuickCommits } from "../case.js";
import { applied, bytes, commit, row, sameKeys, scan } from "../rows.js";

const ROUNDS = 80;

/** What the host must hold, by the text of the key: ASCII, so that texts order as their bytes do. */
type Rows = Map<string, string>;

/** The same choices in every run. */
class Chance {
	readonly #next = generator(3);

	below(bound: number): number {
		return Math.floor(this.#next() * bound);
	}

	/** Of few characters, so that the same keys and beginnings come again. */
	key(): string {
		return Array.from({ length: 1 + this.below(3) }, () => "\0aB\u007f".charAt(this.below(4))).join("");
	}

	value(): string {
		return "xyz".charAt(this.below(3)).repeat(this.below(40));
	}
}

/** A commit of up to five operations and two checks, some of which fail; rows is what is there afterwards. */
async function oneCommit(host: HostKv, rows: Rows, chance: Chance): Promise<void> {
	const checks = Array.from({ length: host.limits.checks ? chance.below(3) : 0 }, () => {
		const key = chance.key();
		return [key, chance.below(4) === 0 ? chance.value() : rows.get(key)] as const;
	});
	const keys = [...new Set(Array.from({ length: chance.below(6) }, () => chance.key()))];
	const deletes = keys.filter(() => chance.below(3) === 0);
	const puts = keys.filter((key) => !deletes.includes(key)).map((key) => [key, chance.value()] as const);
	const change = { checks, deletes, puts, durability: chance.below(4) === 0 ? "strict" : "relaxed" } as const;
	if (checks.every(([key, value]) => rows.get(key) === value)) {
		await applied(host, change);
		for (const key of deletes) rows.delete(key);
		for (const [key, value] of puts) rows.set(key, value);
		return;
	}
	const answer = await commit(host, change);
	assert(!answer.applied, "a commit with a check that fails must be refused");
	const failed = checks[answer.check];
	assert(failed !== undefined, `the failed check is one of ${checks.length}, got ${answer.check}`);
	const [key, value] = failed;
	const current = rows.get(key);
	assert(current !== value, `check ${answer.check} holds, and is said to fail`);
	same(answer.current, current === undefined ? undefined : bytes(current), "current");
}

/** How many of the values a page holds: at least one, and none that is too much. */
function within(values: readonly string[], maxBytes: number): number {
	let sum = 0;
	const over = values.findIndex((value, i) => {
		sum += value.length;
		return i > 0 && sum > maxBytes;
	});
	return over < 0 ? values.length : over;
}

async function oneScan(host: HostKv, rows: Rows, chance: Chance): Promise<void> {
	const edges = chance.below(4) === 0 ? {} : { start: chance.key(), end: chance.key() };
	const range = {
		limit: 1 + chance.below(20),
		reverse: chance.below(2) === 0,
		keysOnly: chance.below(3) === 0,
		...(chance.below(2) === 0 && { maxBytes: chance.below(200) }),
	} satisfies Omit<ScanRange, "start" | "end">;
	const { start = "", end } = edges;
	const inside = [...rows].filter(([key]) => key >= start && (end === undefined || key < end));
	inside.sort(([a], [b]) => compareBytes(bytes(a), bytes(b)) * (range.reverse ? -1 : 1));
	const near = inside.slice(0, range.limit);
	const values = near.map(([, value]) => value);
	const given = near.slice(
		0,
		range.keysOnly ? near.length : within(values, range.maxBytes ?? Number.POSITIVE_INFINITY),
	);
	const what = JSON.stringify({ ...edges, ...range });
	const page = await scan(host, { ...edges, ...range });
	const keys = given.map(([key]) => key);
	sameKeys(page.keys, keys, what);
	assert(page.more === given.length < inside.length, `${what}: more must be ${!page.more}`);
	const expected = range.keysOnly ? [] : given;
	assert(page.values.length === expected.length, `${what}: expected ${expected.length} values`);
	for (const [i, [, value]] of expected.entries()) same(page.values[i], bytes(value), `${what}: value ${i}`);
}

export const modelCases: readonly Case[] = [
	{
		name: "commits, scans and gets of all kinds agree with a map",
		needs: [needsQuickCommits, needsConsistency],
		async run({ host }) {
			const rows: Rows = new Map();
			const chance = new Chance();
			for (let round = 0; round < ROUNDS; round++) {
				await oneCommit(host, rows, chance);
				await oneScan(host, rows, chance);
				const keys = [chance.key(), chance.key(), chance.key()];
				const found = await host.get(keys.map(row));
				for (const [i, key] of keys.entries()) {
					const value = rows.get(key);
					same(found[i], value === undefined ? undefined : bytes(value), `get of ${JSON.stringify(keys)}: value ${i}`);
				}
			}
		},
	},
];
