import type { HostKv, HostLimits } from "../../../host.js";
import { assert, equal, refuses, same } from "../assert.js";
import type { Case, Rule } from "../case.js";
import { applied, type batch, bytes, type Content, commit, put, ROW_PREFIX_BYTES, read, row, scan } from "../rows.js";

// What is stored at a limit is written and read back; what is beyond is only built, and its rows share one value.
const STORED_BYTES = 16 << 20;
const BUILT_BYTES = 128 << 20;
const MOST_OPERATIONS = 10_000;

type Size = "maxKeyBytes" | "maxValueBytes" | "maxBatchOps" | "maxBatchBytes";

const upTo =
	(limit: Size, most: number): Rule =>
	({ limits }) =>
		limits[limit] > most ? `limits.${limit} is ${limits[limit]}: more than this suite tries` : undefined;

/** A value of so many bytes that is not the same everywhere, and becomes no smaller by compression. */
function large(size: number): Uint8Array<ArrayBuffer> {
	const value = new Uint8Array(size);
	let state = 1;
	for (let i = 0; i < size; i++) {
		state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
		value[i] = state >>> 24;
	}
	return value;
}

/** Puts whose keys and values come to just so many bytes, all of them within the other limits. */
function puts(limits: HostLimits, bytesInAll: number): (readonly [string, Content])[] {
	const most = Math.min(limits.maxValueBytes, limits.maxBatchBytes);
	const shared = large(most);
	const made: (readonly [string, Content])[] = [];
	let left = bytesInAll;
	while (left > 0) {
		const key = `k${String(made.length).padStart(6, "0")}`;
		const overhead = ROW_PREFIX_BYTES + key.length;
		const length = Math.min(most, left - overhead);
		assert(length >= 0, "the bytes do not come out even");
		// The last row must have room for its key.
		const rest = left - overhead - length;
		const own = rest > 0 && rest < overhead ? length - overhead : length;
		made.push([key, own === most ? shared : shared.subarray(0, own)]);
		left -= overhead + own;
	}
	return made;
}

/** That a commit is refused for being beyond a limit, and says by how much. */
async function beyond(host: HostKv, limit: Size, change: Parameters<typeof batch>[0], what: string): Promise<void> {
	const { details } = await refuses("LIMIT_EXCEEDED", () => commit(host, change), what);
	assert(details["applied"] !== "unknown", `${what}: the refusal must be certain`);
	const most = host.limits[limit];
	equal(details["limit"], most, `${what}: details limit`);
	const actual = details["actual"];
	assert(typeof actual === "number" && actual > most, `${what}: details actual must be above ${most}, got ${actual}`);
	assert(typeof details["what"] === "string", `${what}: details what must say which limit it is`);
}

async function refusedWhole(
	host: HostKv,
	limit: Size,
	change: Parameters<typeof batch>[0],
	what: string,
): Promise<void> {
	await beyond(host, limit, change, what);
	equal((await scan(host, { limit: 1 })).keys.length, 0, `${what}: rows that were stored`);
}

const fits: Rule = ({ limits }) => {
	const rows = Math.ceil(limits.maxBatchBytes / Math.min(limits.maxValueBytes, limits.maxBatchBytes)) + 1;
	return rows > limits.maxBatchOps ? "the other limits are reached first" : undefined;
};

const opsFit: Rule = ({ limits }) =>
	(limits.maxBatchOps + 1) * (ROW_PREFIX_BYTES + 8) > limits.maxBatchBytes
		? "limits.maxBatchBytes is reached first"
		: undefined;

const valueFits: Rule = ({ limits }) =>
	limits.maxValueBytes + 1 + ROW_PREFIX_BYTES + 16 > limits.maxBatchBytes
		? "limits.maxBatchBytes is reached first"
		: undefined;

const twoOperations: Rule = ({ limits }) =>
	limits.maxBatchOps < 2 ? "the host takes one operation at a time" : undefined;

export const limitCases: readonly Case[] = [
	{
		name: "limits are sane, and stay as they are",
		async run({ host }) {
			const { name, limits } = host;
			const before = { ...limits };
			assert(typeof name === "string" && name !== "", "name must not be empty");
			for (const size of ["maxKeyBytes", "maxValueBytes", "maxBatchOps", "maxBatchBytes", "blockBytes"] as const) {
				const limit = limits[size];
				const whole = Number.isSafeInteger(limit) || limit === Number.POSITIVE_INFINITY;
				assert(whole && limit >= 1, `limits.${size} must be a whole number of at least 1, or Infinity`);
			}
			for (const flag of ["checks", "consistent", "shared", "compress"] as const) {
				assert(typeof limits[flag] === "boolean", `limits.${flag} must be true or false`);
			}
			assert(["store", "space", "none"].includes(limits.atomic), 'limits.atomic must be "store", "space" or "none"');
			assert(limits.maxKeyBytes >= 280, "limits.maxKeyBytes: a key with two names of 128 bytes needs 280");
			assert(limits.maxValueBytes >= 4096, "limits.maxValueBytes must be at least 4096");
			assert(limits.blockBytes <= limits.maxValueBytes, "limits.blockBytes must not be above limits.maxValueBytes");
			if (limits.atomic !== "none") {
				assert(limits.maxBatchOps >= 16, "limits.maxBatchOps: a commit of one record needs up to 16");
				assert(limits.maxBatchBytes >= 16 << 10, "limits.maxBatchBytes must be at least 16384");
			} else {
				assert(limits.maxBatchBytes >= 4096 + 280, "limits.maxBatchBytes: a row of the longest key needs 4376");
			}
			await put(host, ["a", "1"]);
			await read(host, "a");
			equal({ ...host.limits }, before, "limits, after a commit");
		},
	},
	{
		name: "a key of maxKeyBytes is kept",
		needs: [upTo("maxKeyBytes", 1 << 20)],
		async run({ host }) {
			// Storages of text take some bytes for more than one character.
			for (const byte of [0x00, 0x6b, 0xff]) {
				const key = new Array<number>(host.limits.maxKeyBytes - ROW_PREFIX_BYTES).fill(byte);
				await put(host, [key, "1"]);
				equal((await read(host, key))?.length, 1, `bytes of the value of a key of ${byte}`);
				same((await scan(host, { start: key, limit: 2 })).keys[0], row(key), `the key of ${byte}, scanned`);
			}
		},
	},
	{
		name: "a key of one byte more is refused",
		needs: [upTo("maxKeyBytes", 1 << 20)],
		async run({ host }) {
			const key = "k".repeat(host.limits.maxKeyBytes - ROW_PREFIX_BYTES + 1);
			await refusedWhole(host, "maxKeyBytes", { puts: [[key, "1"]] }, "a put");
			await refusedWhole(host, "maxKeyBytes", { deletes: [key] }, "a delete");
		},
	},
	{
		name: "a value of maxValueBytes is kept",
		needs: [upTo("maxValueBytes", STORED_BYTES), valueFits],
		async run({ host }) {
			const value = large(host.limits.maxValueBytes);
			await put(host, ["a", value]);
			const found = await read(host, "a");
			equal(found?.length, value.length, "bytes of the value");
			const page = await scan(host, { limit: 1, maxBytes: 1 });
			for (const [what, one] of [
				["get", found],
				["scan", page.values[0]],
			] as const) {
				let at = 0;
				while (at < value.length && one?.[at] === value[at]) at++;
				assert(at === value.length, `${what}: byte ${at} of the value is another`);
			}
		},
	},
	{
		name: "a value of one byte more is refused",
		needs: [upTo("maxValueBytes", BUILT_BYTES), valueFits],
		async run({ host }) {
			const puts = [["a", new Uint8Array(host.limits.maxValueBytes + 1)]] as const;
			await refusedWhole(host, "maxValueBytes", { puts }, "a put");
		},
	},
	{
		name: "a commit of maxBatchOps operations is applied",
		needs: [upTo("maxBatchOps", MOST_OPERATIONS), opsFit],
		async run({ host }) {
			const { maxBatchOps } = host.limits;
			// Deletes and puts count together.
			await applied(host, {
				deletes: maxBatchOps > 1 ? ["nothing"] : [],
				puts: Array.from({ length: maxBatchOps - (maxBatchOps > 1 ? 1 : 0) }, (_, i) => [`k${i}`, ""] as const),
			});
			let count = 0;
			let start = bytes("");
			for (;;) {
				const page = await scan(host, { start: [...start], limit: 1000, keysOnly: true });
				count += page.keys.length;
				const last = page.keys[page.keys.length - 1];
				if (!page.more || last === undefined) break;
				assert(count <= maxBatchOps, "the pages do not come to an end");
				start = new Uint8Array([...last.subarray(ROW_PREFIX_BYTES), 0]);
			}
			equal(count, Math.max(1, maxBatchOps - 1), "rows stored");
		},
	},
	{
		name: "a commit of one operation more is refused",
		needs: [upTo("maxBatchOps", 1 << 20), opsFit],
		async run({ host }) {
			const { maxBatchOps } = host.limits;
			const rows = Array.from({ length: maxBatchOps }, (_, i) => [`k${i}`, ""] as const);
			// Deletes and puts count together.
			await refusedWhole(host, "maxBatchOps", { puts: rows, deletes: ["nothing"] }, "puts and a delete");
		},
	},
	{
		name: "a commit of maxBatchBytes is applied",
		needs: [upTo("maxBatchBytes", STORED_BYTES), fits],
		async run({ host }) {
			const rows = puts(host.limits, host.limits.maxBatchBytes);
			await applied(host, { puts: rows });
			const last = rows[rows.length - 1] as (typeof rows)[number];
			equal((await read(host, last[0]))?.length, last[1].length, "bytes of the last value");
		},
	},
	{
		name: "a commit of one byte more is refused",
		needs: [upTo("maxBatchBytes", BUILT_BYTES), fits],
		async run({ host }) {
			const { limits } = host;
			await refusedWhole(host, "maxBatchBytes", { puts: puts(limits, limits.maxBatchBytes + 1) }, "puts");
		},
	},
	{
		name: "a commit whose last operation is beyond a limit leaves nothing",
		needs: [upTo("maxKeyBytes", 1 << 20), twoOperations],
		async run({ host }) {
			const long = "z".repeat(host.limits.maxKeyBytes);
			const puts = [
				["a", "1"],
				[long, "2"],
			] as const;
			await refusedWhole(host, "maxKeyBytes", { puts }, "a put after a put");
			same(await read(host, "a"), undefined, "the row that was to be put");
			await put(host, ["a", "1"]);
			await beyond(host, "maxKeyBytes", { deletes: ["a"], puts: [[long, "2"]] }, "a put after a delete");
			same(await read(host, "a"), bytes("1"), "the row that was to be deleted");
			await beyond(host, "maxKeyBytes", { deletes: ["a", long] }, "a delete after a delete");
			same(await read(host, "a"), bytes("1"), "the row that was to be deleted");
		},
	},
	{
		name: "a commit whose last value is beyond a limit leaves nothing",
		needs: [upTo("maxValueBytes", BUILT_BYTES), valueFits, twoOperations],
		async run({ host }) {
			await put(host, ["a", "1"], ["b", "1"]);
			const puts = [
				["a", "2"],
				["c", new Uint8Array(host.limits.maxValueBytes + 1)],
			] as const;
			await beyond(host, "maxValueBytes", { deletes: ["b"], puts }, "a put after others");
			for (const name of ["a", "b"]) same(await read(host, name), bytes("1"), `${name}, untouched`);
		},
	},
];
