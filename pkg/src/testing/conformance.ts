import { type Bytes, compareBytes, toHex } from "../bytes.js";
import { isStreamkitError } from "../errors.js";
import type { HostBatch, HostCommit, HostKv, ScanRange } from "../host.js";

/** What runs the cases: node:test's `test`, or anything like it. */
export interface ConformanceRunner {
	test(name: string, run: (t: { skip(reason: string): void }) => Promise<void>): void;
}

/** Makes the hosts under test. */
export interface ConformanceFactory {
	/** A fresh, empty host. */
	open(): Promise<HostKv>;
	/** The same data again, after the last host was closed. */
	reopen?(): Promise<HostKv>;
	/** Another instance on the data that is open. */
	second?(): Promise<HostKv>;
}

const utf8 = new TextEncoder();

function bytes(value: string | readonly number[]): Bytes {
	return typeof value === "string" ? (utf8.encode(value) as Bytes) : new Uint8Array(value);
}

function assert(condition: boolean, message: string): asserts condition {
	if (!condition) throw new Error(message);
}

function same(actual: Uint8Array | undefined, expected: Uint8Array | undefined, what: string): void {
	const show = (value: Uint8Array | undefined): string => (value === undefined ? "nothing" : `"${toHex(value)}"`);
	const equal =
		actual === undefined || expected === undefined ? actual === expected : compareBytes(actual, expected) === 0;
	assert(equal, `${what}: expected ${show(expected)}, got ${show(actual)}`);
}

function sameKeys(
	actual: readonly Uint8Array[],
	expected: readonly (string | readonly number[])[],
	what: string,
): void {
	const show = (keys: readonly Uint8Array[]): string => keys.map(toHex).join(" ");
	const wanted = show(expected.map(bytes));
	assert(show(actual) === wanted, `${what}: expected keys [${wanted}], got [${show(actual)}]`);
}

interface Change {
	checks?: HostBatch["checks"];
	deletes?: readonly string[];
	puts?: readonly (readonly [string | readonly number[], string | Bytes])[];
}

function batch({ checks = [], deletes = [], puts = [] }: Change): HostBatch {
	return {
		checks,
		deletes: deletes.map(bytes),
		puts: puts.map(([key, value]) => ({ key: bytes(key), value: typeof value === "string" ? bytes(value) : value })),
		durability: "relaxed",
	};
}

async function put(
	host: HostKv,
	...pairs: readonly (readonly [string | readonly number[], string | Bytes])[]
): Promise<void> {
	// One at a time, so that hosts that commit single rows can be tested as well.
	for (const pair of pairs) await applied(host, batch({ puts: [pair] }));
}

async function applied(host: HostKv, change: HostBatch): Promise<void> {
	const answer = await host.commit(change);
	assert(answer.applied === true, "the commit must be applied");
}

async function refused(host: HostKv, change: HostBatch): Promise<Extract<HostCommit, { applied: false }>> {
	const answer = await host.commit(change);
	assert(answer.applied === false, "the commit must be refused");
	return answer;
}

async function value(host: HostKv, key: string | readonly number[]): Promise<Uint8Array | undefined> {
	const answer = await host.get([bytes(key)]);
	assert(answer.length === 1, `get of one key gave ${answer.length} values`);
	return answer[0];
}

const ALL = { start: bytes([]), end: bytes([0xff]) };

interface Case {
	readonly name: string;
	/** Why this host cannot have it. */
	readonly skip?: (host: HostKv, factory: ConformanceFactory) => string | undefined;
	readonly run: (host: HostKv, factory: ConformanceFactory) => Promise<void>;
}

const needsChecks = (host: HostKv): string | undefined => (host.limits.checks ? undefined : "the host makes no checks");
const needsBatches = (host: HostKv): string | undefined =>
	host.limits.atomic === "none" ? "the host commits single rows" : undefined;
const needsBoth = (host: HostKv): string | undefined => needsChecks(host) ?? needsBatches(host);

/** Keys that start alike, with every awkward byte, in their order. */
const KEYS = [
	"a",
	[0x61, 0x00],
	[0x61, 0x00, 0x00],
	[0x61, 0x00, 0xff],
	[0x61, 0x01],
	[0x61, 0x7f],
	[0x61, 0x80],
	[0x61, 0xff],
	"b",
	[0x62, 0x00],
	"c",
] as const;

async function fill(host: HostKv): Promise<void> {
	// Not in order, so that the host has to bring them into it.
	const shuffled = [...KEYS.keys()].sort((x, y) => ((x * 7) % KEYS.length) - ((y * 7) % KEYS.length));
	for (const i of shuffled) await put(host, [KEYS[i] as (typeof KEYS)[number], `v${i}`]);
}

async function keysOf(
	host: HostKv,
	range: Omit<ScanRange, "start" | "end"> & Partial<ScanRange>,
): Promise<readonly Uint8Array[]> {
	return (await host.scan({ ...ALL, ...range })).keys;
}

const CASES: readonly Case[] = [
	{
		name: "limits are sane",
		async run({ name, limits }) {
			assert(typeof name === "string" && name !== "", "name must not be empty");
			for (const size of ["maxKeyBytes", "maxValueBytes", "maxBatchOps", "maxBatchBytes", "blockBytes"] as const) {
				assert(limits[size] >= 1, `limits.${size} must be at least 1`);
			}
			assert(limits.maxKeyBytes >= 400, "limits.maxKeyBytes: a key of two names needs about 400 bytes");
			assert(limits.blockBytes <= limits.maxValueBytes, "limits.blockBytes must not be above limits.maxValueBytes");
		},
	},
	{
		name: "an empty host holds nothing",
		async run(host) {
			same(await value(host, "a"), undefined, "get");
			const page = await host.scan({ ...ALL, limit: 10 });
			assert(page.keys.length === 0 && page.values.length === 0 && !page.more, "scan must be empty");
		},
	},
	{
		name: "get answers in the order asked, undefined for what is not there",
		async run(host) {
			await put(host, ["a", "1"], ["b", "2"], ["c", ""]);
			const answer = await host.get(["b", "x", "a", "c", "b"].map(bytes));
			assert(answer.length === 5, "as many values as keys");
			same(answer[0], bytes("2"), "b");
			same(answer[1], undefined, "x");
			same(answer[2], bytes("1"), "a");
			same(answer[3], bytes(""), "c, an empty value");
			same(answer[4], bytes("2"), "b again");
			assert((await host.get([])).length === 0, "no keys, no values");
		},
	},
	{
		name: "keys and values hold any bytes",
		async run(host) {
			const every = new Uint8Array(256).map((_, i) => i);
			await put(host, [[...every], every]);
			same(await value(host, [...every]), every, "value");
			const page = await host.scan({ start: bytes([0]), end: bytes([1]), limit: 2 });
			assert(page.keys.length === 1, "one pair");
			same(page.keys[0], every, "key");
			same(page.values[0], every, "value");
		},
	},
	{
		name: "a put replaces",
		async run(host) {
			await put(host, ["a", "1"], ["a", "22"], ["a", ""]);
			same(await value(host, "a"), bytes(""), "the last value");
			sameKeys(await keysOf(host, { limit: 5 }), ["a"], "one row");
		},
	},
	{
		name: "a delete removes, and of nothing is no error",
		async run(host) {
			await put(host, ["a", "1"], ["b", "2"]);
			await applied(host, batch({ deletes: ["a"] }));
			await applied(host, batch({ deletes: ["x"] }));
			same(await value(host, "a"), undefined, "a");
			sameKeys(await keysOf(host, { limit: 5 }), ["b"], "what is left");
		},
	},
	{
		name: "scan gives unsigned byte order",
		async run(host) {
			await fill(host);
			const page = await host.scan({ ...ALL, limit: 100 });
			sameKeys(page.keys, KEYS, "all");
			assert(page.values.length === KEYS.length && !page.more, "as many values, and no more");
			page.values.forEach((found, i) => {
				same(found, bytes(`v${i}`), `value ${i}`);
			});
		},
	},
	{
		name: "scan is half-open",
		async run(host) {
			await fill(host);
			sameKeys(
				await keysOf(host, { start: bytes([0x61, 0x00]), end: bytes([0x61, 0x01]), limit: 100 }),
				KEYS.slice(1, 4),
				"from a00 below a01",
			);
			sameKeys(
				await keysOf(host, { start: bytes([0x61, 0x01]), end: bytes("b"), limit: 100 }),
				KEYS.slice(4, 8),
				"from a01 below b",
			);
			sameKeys(
				await keysOf(host, { start: bytes("aa"), end: bytes("b"), limit: 100 }),
				KEYS.slice(5, 8),
				"bounds that are no keys",
			);
			sameKeys(await keysOf(host, { start: bytes("b"), end: bytes("b"), limit: 100 }), [], "an empty range");
			sameKeys(await keysOf(host, { start: bytes("d"), end: bytes("e"), limit: 100 }), [], "beyond the end");
		},
	},
	{
		name: "scan in reverse starts at the top of the same range",
		async run(host) {
			await fill(host);
			sameKeys(await keysOf(host, { reverse: true, limit: 100 }), [...KEYS].reverse(), "all");
			sameKeys(
				await keysOf(host, { start: bytes([0x61, 0x00]), end: bytes("b"), reverse: true, limit: 100 }),
				KEYS.slice(1, 8).reverse(),
				"a range",
			);
			sameKeys(
				await keysOf(host, { start: bytes([0x61, 0x00]), end: bytes("b"), reverse: true, limit: 2 }),
				KEYS.slice(6, 8).reverse(),
				"two",
			);
		},
	},
	{
		name: "scan stops at the limit, and more is exact",
		async run(host) {
			await fill(host);
			for (const reverse of [false, true]) {
				const order: readonly (typeof KEYS)[number][] = reverse ? [...KEYS].reverse() : KEYS;
				for (let limit = 1; limit <= KEYS.length + 1; limit++) {
					const page = await host.scan({ ...ALL, limit, reverse });
					sameKeys(page.keys, order.slice(0, limit), `limit ${limit}`);
					assert(page.more === limit < KEYS.length, `limit ${limit}: more must be ${limit < KEYS.length}`);
				}
			}
			const bounded = await host.scan({ start: bytes("a"), end: bytes("b"), limit: 8 });
			assert(bounded.keys.length === 8 && !bounded.more, "rows beyond the range are not more");
		},
	},
	{
		name: "scan stops at maxBytes of values, after at least one pair",
		async run(host) {
			for (const key of ["a", "b", "c", "d"]) await put(host, [key, new Uint8Array(100)]);
			for (const [maxBytes, expected] of [
				[1, 1],
				[100, 1],
				[199, 1],
				[200, 2],
				[399, 3],
				[400, 4],
				[10_000, 4],
			] as const) {
				for (const reverse of [false, true]) {
					const page = await host.scan({ ...ALL, limit: 10, maxBytes, reverse });
					assert(
						page.keys.length === expected,
						`maxBytes ${maxBytes}: expected ${expected} pairs, got ${page.keys.length}`,
					);
					assert(page.more === expected < 4, `maxBytes ${maxBytes}: more must be ${expected < 4}`);
				}
			}
		},
	},
	{
		name: "scan of keys only gives no values",
		async run(host) {
			await fill(host);
			const page = await host.scan({ ...ALL, limit: 5, keysOnly: true });
			sameKeys(page.keys, KEYS.slice(0, 5), "keys");
			assert(page.values.length === 0, "values must be empty");
			assert(page.more, "more must be true");
		},
	},
	{
		name: "pages join without a gap or a double",
		async run(host) {
			const count = 137;
			for (let i = 0; i < count; i++) await put(host, [`k${String((i * 71) % count).padStart(3, "0")}`, `${i}`]);
			const found: Uint8Array[] = [];
			let start = bytes([]);
			for (;;) {
				const page = await host.scan({ start, end: ALL.end, limit: 10 });
				found.push(...page.keys);
				const last = page.keys[page.keys.length - 1];
				if (!page.more || last === undefined) break;
				start = new Uint8Array([...last, 0]);
			}
			sameKeys(
				found,
				Array.from({ length: count }, (_, i) => `k${String(i).padStart(3, "0")}`),
				"all pages",
			);
		},
	},
	{
		name: "a commit applies whole: deletes, then puts",
		skip: needsBatches,
		async run(host) {
			await put(host, ["a", "1"], ["b", "2"], ["c", "3"]);
			await applied(
				host,
				batch({
					deletes: ["a", "c"],
					puts: [
						["b", "22"],
						["d", "4"],
					],
				}),
			);
			sameKeys(await keysOf(host, { limit: 10 }), ["b", "d"], "keys");
			same(await value(host, "b"), bytes("22"), "b");
		},
	},
	{
		name: "an empty commit applies",
		async run(host) {
			await applied(host, batch({}));
		},
	},
	{
		name: "checks see the value, or that there is none",
		skip: needsChecks,
		async run(host) {
			await put(host, ["a", "1"]);
			await applied(host, batch({ checks: [{ key: bytes("a"), value: bytes("1") }], puts: [["a", "2"]] }));
			await applied(host, batch({ checks: [{ key: bytes("n"), value: undefined }], puts: [["n", ""]] }));
			same(await value(host, "a"), bytes("2"), "a");
			const absent = await refused(
				host,
				batch({ checks: [{ key: bytes("n"), value: undefined }], puts: [["n", "x"]] }),
			);
			same(absent.current, bytes(""), "current: an empty value is not absent");
			const longer = await refused(
				host,
				batch({ checks: [{ key: bytes("a"), value: bytes("22") }], puts: [["a", "x"]] }),
			);
			same(longer.current, bytes("2"), "current");
			const gone = await refused(host, batch({ checks: [{ key: bytes("z"), value: bytes("1") }], puts: [["a", "x"]] }));
			same(gone.current, undefined, "current of what is not there");
			same(await value(host, "a"), bytes("2"), "a, untouched");
		},
	},
	{
		name: "a failed check refuses everything and says which it was",
		skip: needsBoth,
		async run(host) {
			await put(host, ["a", "1"], ["b", "2"]);
			const answer = await refused(
				host,
				batch({
					checks: [
						{ key: bytes("a"), value: bytes("1") },
						{ key: bytes("b"), value: bytes("9") },
					],
					deletes: ["a"],
					puts: [
						["b", "3"],
						["c", "4"],
					],
				}),
			);
			assert(answer.check === 1, `check must be 1, got ${answer.check}`);
			same(answer.current, bytes("2"), "current");
			sameKeys(await keysOf(host, { limit: 10 }), ["a", "b"], "keys");
			same(await value(host, "b"), bytes("2"), "b");
		},
	},
	{
		name: "checks see the state before the commit's own writes",
		skip: needsBoth,
		async run(host) {
			await put(host, ["a", "1"]);
			await applied(
				host,
				batch({
					checks: [
						{ key: bytes("a"), value: bytes("1") },
						{ key: bytes("b"), value: undefined },
					],
					deletes: ["a"],
					puts: [["b", "1"]],
				}),
			);
			sameKeys(await keysOf(host, { limit: 10 }), ["b"], "keys");
		},
	},
	{
		name: "a commit of checks alone only looks",
		skip: needsChecks,
		async run(host) {
			await put(host, ["a", "1"]);
			await applied(host, batch({ checks: [{ key: bytes("a"), value: bytes("1") }] }));
			await refused(host, batch({ checks: [{ key: bytes("a"), value: undefined }] }));
		},
	},
	{
		name: "of commits at once with the same check one wins",
		skip: needsChecks,
		async run(host) {
			const attempts = Array.from({ length: 20 }, (_, i) =>
				Promise.resolve(host.commit(batch({ checks: [{ key: bytes("a"), value: undefined }], puts: [["a", `${i}`]] }))),
			);
			const answers = await Promise.all(attempts);
			const winners = answers.flatMap((answer, i) => (answer.applied ? [i] : []));
			assert(winners.length === 1, `one must win, ${winners.length} did`);
			same(await value(host, "a"), bytes(`${winners[0]}`), "the winner's value");
			for (const answer of answers) if (!answer.applied) same(answer.current, bytes(`${winners[0]}`), "current");
		},
	},
	{
		name: "counting by checks loses nothing",
		skip: needsChecks,
		async run(host) {
			const count = async (): Promise<void> => {
				let current: Uint8Array | undefined;
				for (;;) {
					const next = current === undefined ? 1 : Number(new TextDecoder().decode(current)) + 1;
					const answer = await host.commit(
						batch({ checks: [{ key: bytes("n"), value: current as Bytes | undefined }], puts: [["n", `${next}`]] }),
					);
					if (answer.applied) return;
					current = answer.current;
				}
			};
			await Promise.all(
				Array.from({ length: 5 }, async () => {
					for (let i = 0; i < 10; i++) await count();
				}),
			);
			same(await value(host, "n"), bytes("50"), "the count");
		},
	},
	{
		name: "what a host gives belongs to the caller",
		async run(host) {
			await put(host, ["a", "1"]);
			(await value(host, "a"))?.fill(0);
			const page = await host.scan({ ...ALL, limit: 1 });
			page.values[0]?.fill(0);
			page.keys[0]?.fill(0);
			same(await value(host, "a"), bytes("1"), "a, after the answers were written to");
			sameKeys(await keysOf(host, { limit: 5 }), ["a"], "keys");
		},
	},
	{
		name: "values up to the limit are kept whole",
		async run(host) {
			const size = Math.min(host.limits.maxValueBytes, host.limits.maxBatchBytes - 16, 1 << 20);
			const large = new Uint8Array(size).map((_, i) => (i * 31) % 251);
			await put(host, ["a", large]);
			same(await value(host, "a"), large, "a");
		},
	},
	{
		name: "what is beyond the limits is refused whole",
		skip: needsBatches,
		async run(host) {
			const { maxKeyBytes, maxValueBytes, maxBatchOps } = host.limits;
			const tooLarge: HostBatch[] = [];
			if (maxKeyBytes <= 1 << 20)
				tooLarge.push(
					batch({
						puts: [
							["small", "1"],
							["k".repeat(maxKeyBytes + 1), "1"],
						],
					}),
				);
			if (maxValueBytes <= 1 << 26)
				tooLarge.push(
					batch({
						puts: [
							["small", "1"],
							["large", new Uint8Array(maxValueBytes + 1)],
						],
					}),
				);
			if (maxBatchOps <= 10_000)
				tooLarge.push(batch({ puts: Array.from({ length: maxBatchOps + 1 }, (_, i) => [`k${i}`, "1"] as const) }));
			for (const change of tooLarge) {
				let error: unknown;
				try {
					await host.commit(change);
				} catch (thrown) {
					error = thrown;
				}
				assert(error !== undefined, "a commit beyond the limits must be refused");
				assert(isStreamkitError(error), "the refusal must be a StreamkitError");
				assert(error.details["applied"] !== "unknown", "the refusal must be certain");
				assert((await keysOf(host, { limit: 1 })).length === 0, "nothing of it may be stored");
			}
		},
	},
	{
		name: "a second instance sees what the first wrote",
		skip: (host, factory) =>
			factory.second === undefined
				? "there is no second instance"
				: host.limits.consistent
					? undefined
					: "reads may be stale",
		async run(host, factory) {
			const other = (await factory.second?.()) as HostKv;
			await put(host, ["a", "1"]);
			same(await value(other, "a"), bytes("1"), "a");
			await put(other, ["a", "2"]);
			same(await value(host, "a"), bytes("2"), "a");
			await other.close?.();
		},
	},
	{
		name: "two instances check against each other",
		skip: (host, factory) => (factory.second === undefined ? "there is no second instance" : needsChecks(host)),
		async run(host, factory) {
			const other = (await factory.second?.()) as HostKv;
			const attempts = [host, other, host, other].map((one, i) =>
				Promise.resolve(one.commit(batch({ checks: [{ key: bytes("a"), value: undefined }], puts: [["a", `${i}`]] }))),
			);
			const winners = (await Promise.all(attempts)).filter((answer) => answer.applied);
			assert(winners.length === 1, `one must win, ${winners.length} did`);
			await other.close?.();
		},
	},
	{
		name: "watching can be started and stopped",
		skip: (host) => (host.watch === undefined ? "the host gives no hints" : undefined),
		async run(host) {
			const stop = host.watch?.(() => {});
			assert(typeof stop === "function", "watch must return a function");
			host.notify?.();
			stop();
			stop();
		},
	},
	{
		name: "what was written is there after reopening",
		skip: (_, factory) => (factory.reopen === undefined ? "the host cannot be reopened" : undefined),
		async run(host, factory) {
			await put(host, ["a", "1"]);
			const answer = await host.commit({ ...batch({ puts: [["b", "2"]] }), durability: "strict" });
			assert(answer.applied, "the strict commit must be applied");
			await host.close?.();
			const again = (await factory.reopen?.()) as HostKv;
			same(await value(again, "a"), bytes("1"), "a");
			same(await value(again, "b"), bytes("2"), "b");
			await again.close?.();
		},
	},
];

/**
 * Runs every conformance case against fresh hosts. open gives a fresh, empty host; reopen the same data again; second
 * another instance on the data that is open. Cases that a capability rules out are skipped by name.
 */
export function hostConformance(runner: ConformanceRunner, factory: ConformanceFactory): void {
	for (const { name, skip, run } of CASES) {
		runner.test(`host: ${name}`, async (t) => {
			const host = await factory.open();
			const reason = skip?.(host, factory);
			if (reason !== undefined) {
				t.skip(reason);
				await host.close?.();
				return;
			}
			await run(host, factory);
			// The case about reopening has closed its host already; closing twice is no error.
			await host.close?.();
		});
	}
}
