// classic-level 3.0.0 (LevelDB) with its default options. Keys and values are Buffers, which it takes and gives without
// converting, made before the clock starts. Batches are chained ones, which are its faster form: half the time of
// arrays of operations.

import { ClassicLevel } from "classic-level";
import { frameBlocks, tallyBlock } from "../blocks.js";
import { batches, type Events } from "../data.js";
import { Tally } from "../tally.js";
import { type Side, timed } from "../timing.js";

export type Level = ClassicLevel<Buffer, Buffer>;
type Row = readonly [key: Buffer, value: Buffer];

export async function open(folder: string): Promise<Level> {
	const level: Level = new ClassicLevel<Buffer, Buffer>(folder, { keyEncoding: "buffer", valueEncoding: "buffer" });
	await level.open();
	return level;
}

/** The key of the n-th row: 8 bytes, big-endian. */
function keyOf(index: number): Buffer {
	const key = Buffer.alloc(8);
	key.writeBigUInt64BE(BigInt(index));
	return key;
}

const rowsOf = (values: readonly Buffer[]): Row[] => values.map((value, index) => [keyOf(index), value]);

/** Reads all values in order of their keys, a thousand at a time. */
export async function readAll(level: Level, each: (value: Buffer) => void): Promise<void> {
	const iterator = level.iterator();
	for (;;) {
		const rows = await iterator.nextv(1000);
		if (rows.length === 0) break;
		for (const [, value] of rows) each(value);
	}
	await iterator.close();
}

async function writeAll(level: Level, all: readonly Row[][], sync: boolean): Promise<void> {
	for (const rows of all) {
		const batch = level.batch();
		for (const [key, value] of rows) batch.put(key, value);
		await batch.write({ sync });
	}
}

/** A row per event, a thousand to a batch, each batch awaited. */
export function rows(name: string, sync: boolean, events: Events, size: number, expected: Tally): Side {
	const all = batches(rowsOf(events.buffers()), size);
	return {
		name,
		async run(folder) {
			const level = await open(folder);
			const milliseconds = await timed(() => writeAll(level, all, sync));
			const tally = new Tally();
			await readAll(level, (value) => tally.bytes(value));
			await level.close();
			tally.check(name, expected);
			return { count: events.count, milliseconds };
		},
	};
}

/** The same rows by batch() of an array of operations, made before the clock starts. */
export function arrays(name: string, sync: boolean, events: Events, size: number, expected: Tally): Side {
	const all = batches(
		rowsOf(events.buffers()).map(([key, value]) => ({ type: "put" as const, key, value })),
		size,
	);
	return {
		name,
		async run(folder) {
			const level = await open(folder);
			const milliseconds = await timed(async () => {
				for (const batch of all) await level.batch(batch, { sync });
			});
			const tally = new Tally();
			await readAll(level, (value) => tally.bytes(value));
			await level.close();
			tally.check(name, expected);
			return { count: events.count, milliseconds };
		},
	};
}

/** The events of a batch in blocks as ours has them: what remains of LevelDB's cost when rows are few and large. */
export function blocks(name: string, sync: boolean, events: Events, size: number, expected: Tally): Side {
	const framed = frameBlocks(events, size);
	let index = 0;
	const all = framed.map((batch) => batch.map((block): Row => [keyOf(index++), Buffer.from(block.buffer)]));
	return {
		name,
		async run(folder) {
			const level = await open(folder);
			const milliseconds = await timed(() => writeAll(level, all, sync));
			const tally = new Tally();
			await readAll(level, (block) => tallyBlock(tally, block));
			await level.close();
			tally.check(name, expected);
			return { count: events.count, milliseconds };
		},
	};
}

/** Writes a row per event and merges all tables, as ours is compacted before it is read. */
export async function writeRows(folder: string, events: Events, size: number, compact: boolean): Promise<void> {
	const level = await open(folder);
	await writeAll(level, batches(rowsOf(events.buffers()), size), false);
	if (compact) await level.compactRange(keyOf(0), keyOf(events.count));
	await level.close();
}
