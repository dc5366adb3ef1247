import { type Bytes, toHex } from "../../common/bytes.js";
import type { HostBatch, HostCommit, HostKv, ScanPage, ScanRange } from "../../host.js";
import { assert } from "./assert.js";

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

/** The range of all rows. */
export const ALL = { start: row(""), end: bytes("DAT\0SEGMENTS\0conformance\u0001") } as const;

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
	const size = Math.min(host.limits.maxBatchOps, pairs.length);
	for (let at = 0; at < pairs.length; at += size) await applied(host, { puts: pairs.slice(at, at + size) });
}

export async function commit(host: HostKv, change: Change): Promise<HostCommit> {
	return host.commit(batch(change));
}

export async function applied(host: HostKv, change: Change): Promise<void> {
	const answer = await commit(host, change);
	assert(answer.applied === true, "the commit must be applied");
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
	assert(answer.length === 1, `get of one key gave ${answer.length} values`);
	return answer[0];
}

/** A scan of all rows, or of a part. */
export async function scan(
	host: HostKv,
	range: Omit<ScanRange, "start" | "end"> & { start?: Piece; end?: Piece },
): Promise<ScanPage> {
	const { start, end, ...rest } = range;
	return host.scan({
		...rest,
		start: start === undefined ? ALL.start : row(start),
		end: end === undefined ? ALL.end : row(end),
	});
}

export async function keysOf(host: HostKv, range: Parameters<typeof scan>[1]): Promise<readonly Uint8Array[]> {
	return (await scan(host, range)).keys;
}

/** That a scan gave just these rows, in this order. */
export function sameKeys(actual: readonly Uint8Array[], expected: readonly Piece[], what: string): void {
	const list = (keys: readonly Uint8Array[]): string => keys.map(toHex).join(" ");
	const wanted = list(expected.map(row));
	assert(list(actual) === wanted, `${what}: expected the keys [${wanted}], got [${list(actual)}]`);
}

/** Keys that start alike, with every awkward byte, in their order. */
export const KEYS = [
	[0x00],
	[0x00, 0x00],
	[0x01],
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
