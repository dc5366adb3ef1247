import { type Bytes, compareBytes, toHex } from "../../common/bytes.js";
import type { HostBatch, HostCommit, HostKv, ScanPage, ScanRange } from "../../host.js";
import { assert, same } from "./assert.js";

/** Bytes as text or as numbers. */
export type Piece = string | readonly number[];

const utf8 = new TextEncoder();

export function bytes(piece: Piece): Bytes {
	return typeof piece === "string" ? (utf8.encode(piece) as Bytes) : new Uint8Array(piece);
}

// Keys as the engine makes them: on a host whose commits cover one space, all rows of a case must lie in one.
const PREFIX = bytes("DAT\0SEGMENTS\0conformance\0");

/** The key of a row of the space that the cases work in. */
export function row(piece: Piece): Bytes {
	const tail = bytes(piece);
	const key = new Uint8Array(PREFIX.length + tail.length);
	key.set(PREFIX);
	key.set(tail, PREFIX.length);
	return key;
}

/** How many bytes a row's key has besides its own. */
export const ROW_PREFIX_BYTES = PREFIX.length;

/** The range of all rows. Made anew each time: a host that takes its edges away must not spoil the cases after it. */
export function all(): Pick<ScanRange, "start" | "end"> {
	return { start: row(""), end: bytes("DAT\0SEGMENTS\0conformance\u0001") };
}

/** A value's text or bytes. */
export type Content = string | Bytes;

export function content(value: Content): Bytes {
	return typeof value === "string" ? bytes(value) : value;
}

export interface Change {
	/** undefined: absent. */
	readonly checks?: readonly (readonly [Piece, Content | undefined])[];
	readonly deletes?: readonly Piece[];
	readonly puts?: readonly (readonly [Piece, Content])[];
	readonly durability?: HostBatch["durability"];
}

export function batch({ checks = [], deletes = [], puts = [], durability = "relaxed" }: Change): HostBatch {
	return {
		checks: checks.map(([key, value]) => ({
			key: row(key),
			value: value === undefined ? undefined : content(value),
		})),
		deletes: deletes.map(row),
		puts: puts.map(([key, value]) => ({ key: row(key), value: content(value) })),
		durability,
	};
}

/** Writes rows, in as few commits as the host takes. */
export async function put(host: HostKv, ...pairs: readonly (readonly [Piece, Content])[]): Promise<void> {
	const { maxBatchOps, maxBatchBytes } = host.limits;
	let puts: (readonly [Piece, Content])[] = [];
	let size = 0;
	for (const pair of pairs) {
		const own = row(pair[0]).length + content(pair[1]).length;
		if (puts.length === maxBatchOps || (puts.length > 0 && size + own > maxBatchBytes)) {
			await applied(host, { puts });
			puts = [];
			size = 0;
		}
		puts.push(pair);
		size += own;
	}
	if (puts.length > 0) await applied(host, { puts });
}

/** What a commit of any rows is answered with. */
export async function answered(host: HostKv, change: HostBatch): Promise<HostCommit> {
	const answer: Partial<HostCommit> | null | undefined = await host.commit(change);
	assert(typeof answer?.applied === "boolean", "commit must answer with applied, true or false");
	return answer as HostCommit;
}

export async function commit(host: HostKv, change: Change): Promise<HostCommit> {
	return answered(host, batch(change));
}

export async function applied(host: HostKv, change: Change): Promise<void> {
	const answer = await commit(host, change);
	if (!answer.applied) throw new Error(`the commit must be applied, but check ${answer.check} is said to fail`);
}

export async function refused(host: HostKv, change: Change): Promise<Extract<HostCommit, { applied: false }>> {
	const answer = await commit(host, change);
	assert(answer.applied === false, "the commit must be refused");
	return answer;
}

/** Counts a row up so many times, by checks; others may count it as well, up to `all`. */
export async function countUp(host: HostKv, key: Piece, times: number, all: number): Promise<void> {
	let current: Uint8Array | undefined;
	let counted = 0;
	// Of commits at once one always wins, so nobody can lose more often than all of them count.
	for (let tries = 0; counted < times; tries++) {
		assert(tries <= times + all, "a check keeps failing though nobody else counts");
		const next = current === undefined ? 1 : Number(new TextDecoder().decode(current)) + 1;
		const answer = await commit(host, {
			checks: [[key, current === undefined ? undefined : new Uint8Array(current)]],
			puts: [[key, `${next}`]],
		});
		if (answer.applied) counted++;
		current = answer.applied ? bytes(`${next}`) : answer.current;
		// Who counts on a host that answers at once would be done before the others had a turn.
		await new Promise((resolve) => setTimeout(resolve, 0));
	}
}

export async function read(host: HostKv, key: Piece): Promise<Uint8Array | undefined> {
	const answer = await host.get([row(key)]);
	assert(answer?.length === 1, `get of one key must give one value, got ${answer?.length}`);
	return answer[0];
}

/** A scan of all rows, or of a part. */
export async function scan(
	host: HostKv,
	range: Omit<ScanRange, "start" | "end"> & { start?: Piece; end?: Piece },
): Promise<ScanPage> {
	const { start, end, ...rest } = range;
	const page: Partial<ScanPage> | null | undefined = await host.scan({
		...all(),
		...rest,
		...(start !== undefined && { start: row(start) }),
		...(end !== undefined && { end: row(end) }),
	});
	for (const list of ["keys", "values"] as const) {
		assert(Array.isArray(page?.[list]), `scan: ${list} must be an array, also where it is empty`);
	}
	assert(typeof page?.more === "boolean", "scan: more must be true or false");
	return page as ScanPage;
}

/** All rows, by scans in both directions that have room for just these, and for one less. */
export async function rowsAre(
	host: HostKv,
	expected: readonly (readonly [Piece, Content])[],
	what: string,
): Promise<void> {
	const size = expected.length;
	for (const reverse of [false, true]) {
		const order = reverse ? [...expected].reverse() : expected;
		for (const limit of size > 1 ? [size, size - 1] : [Math.max(size, 1)]) {
			const page = await scan(host, { limit, reverse });
			const given = order.slice(0, limit);
			const which = `${what}, limit ${limit}${reverse ? " in reverse" : ""}`;
			const names = given.map(([name]) => name);
			sameKeys(page.keys, names, which);
			for (const [i, [, value]] of given.entries()) same(page.values[i], content(value), `${which}: value ${i}`);
			assert(page.more === limit < size, `${which}: more must be ${limit < size}`);
		}
	}
	const found = await host.get(expected.map(([name]) => row(name)));
	for (const [i, [, value]] of expected.entries()) same(found[i], content(value), `${what}: get of row ${i}`);
}

export async function keysOf(host: HostKv, range: Parameters<typeof scan>[1]): Promise<readonly Uint8Array[]> {
	return (await scan(host, range)).keys;
}

const SHOWN_KEYS = 8;
const SHOWN_BYTES = 40;

/** A key as the cases name it, without what all of them begin with; bytes that are no plain text as hex. */
function keyText(key: Uint8Array): string {
	const own = compareBytes(key.subarray(0, PREFIX.length), PREFIX) === 0 ? key.subarray(PREFIX.length) : key;
	const text = (bytes: Uint8Array): string =>
		[...bytes]
			.map((byte) => (byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${toHex(new Uint8Array([byte]))}`))
			.join("");
	if (own.length <= SHOWN_BYTES) return `"${text(own)}"`;
	return `"${text(own.subarray(0, SHOWN_BYTES / 2))}...${text(own.subarray(-SHOWN_BYTES / 2))}" of ${own.length} bytes`;
}

/** That a scan gave just these rows, in this order. */
export function sameKeys(actual: readonly Uint8Array[], expected: readonly Piece[], what: string): void {
	const wanted = expected.map(row);
	const at = wanted.findIndex((key, i) => actual[i] === undefined || compareBytes(actual[i], key) !== 0);
	if (at < 0 && actual.length === wanted.length) return;
	// Of many keys only those around the first difference.
	const list = (keys: readonly Uint8Array[]): string => {
		const from = Math.max(0, (at < 0 ? wanted.length : at) - 2);
		const shown = keys.slice(from, from + SHOWN_KEYS).map(keyText);
		return `${from > 0 ? "... " : ""}${shown.join(" ")}${from + SHOWN_KEYS < keys.length ? " ..." : ""}`;
	};
	const count = (keys: readonly unknown[]): string => `${keys.length} ${keys.length === 1 ? "key" : "keys"}`;
	throw new Error(`${what}: expected ${count(wanted)} [${list(wanted)}], got ${count(actual)} [${list(actual)}]`);
}

/** Keys that start alike, with every awkward byte, in their order. */
export const KEYS = [
	[0x00],
	[0x00, 0x00],
	[0x01],
	// Neither as numbers nor without their case.
	"10",
	"9",
	"B",
	"a",
	[0x61, 0x00],
	[0x61, 0x00, 0x00],
	[0x61, 0x00, 0xff],
	[0x61, 0x01],
	[0x61, 0x7f],
	[0x61, 0x80],
	[0x61, 0xff],
	[0x61, 0xff, 0xff],
	"b",
	[0x62, 0x00],
	"c",
	[0x7f],
	[0x80],
	[0xff],
	[0xff, 0x00],
	[0xff, 0xff],
] as const satisfies readonly Piece[];

/** Writes all of KEYS, the value of each saying its place. */
export async function fill(host: HostKv): Promise<void> {
	// Not in order, so that the host has to bring them into it.
	const shuffled = [...KEYS.keys()].sort((x, y) => ((x * 7) % KEYS.length) - ((y * 7) % KEYS.length));
	await put(host, ...shuffled.map((i) => [KEYS[i] as Piece, `v${i}`] as const));
}
