// Appending all events to one segment in batches of 1,000, each batch awaited before the next.
//   ours                produce() of 1,000 records of bytes
//   classic-level       a chained batch of 1,000 rows of bytes; strict: { sync: true }
//   the same, arrays    batch() of an array of 1,000 operations, which takes longer
//   the same, blocks    a chained batch of 11 rows that hold the same 1,000 events framed as our blocks are
//   lmdb, blocks        one synchronous transaction that puts those 11 blocks; blocks are made before the clock starts
//   lmdb, rows          one synchronous transaction that puts 1,000 rows
// Relaxed: no side waits for the disk; closing, where ours flushes, is not timed on any side. Strict: every side has
// each batch on the disk before the next. Afterwards, untimed, each side reads everything back.

import type { Durability } from "streamkit";
import { frameBlocks } from "../blocks.js";
import { batches } from "../data.js";
import { atLeast, Lines } from "../lines.js";
import * as level from "../sides/classic-level.js";
import { numbered, putting, readBlock, readRow } from "../sides/lmdb.js";
import { producing } from "../sides/streamkit.js";
import { tallyOfBytes } from "../tally.js";
import { race } from "../timing.js";
import { makeEvents, type Row } from "./row.js";

const BATCH = 1000;

function appendBatches(name: string, durability: Durability): Row {
	const title = `append in batches of 1,000, ${durability}`;
	return {
		name,
		title,
		async measure({ events: count, rounds, folders }) {
			const events = makeEvents(count);
			const expected = tallyOfBytes(events);
			const sync = durability === "strict";
			const blocks = numbered(frameBlocks(events, BATCH));
			const rows = numbered(batches(events.bytes, BATCH));
			const medians = await race(
				[
					producing("ours", { durability, compression: "none" }, events, BATCH, expected),
					producing("ours, auto", { durability, compression: "auto" }, events, BATCH, expected),
					level.rows("classic-level, a row per event", sync, events, BATCH, expected),
					level.arrays("classic-level, batches as arrays", sync, events, BATCH, expected),
					level.blocks("classic-level, the same in blocks", sync, events, BATCH, expected),
					putting("lmdb, the same in blocks", durability, blocks, readBlock, expected),
					putting("lmdb, a row per event", durability, rows, readRow, expected),
				],
				rounds,
				folders,
			);
			return new Lines(medians)
				.add(title, "ours", "classic-level, a row per event", atLeast(3))
				.add(title, "ours", "lmdb, the same in blocks", atLeast(0.5))
				.add(title, "ours", "classic-level, batches as arrays")
				.add(title, "ours", "classic-level, the same in blocks")
				.add(title, "ours", "lmdb, a row per event")
				.add(`${title}, auto`, "ours, auto", "classic-level, a row per event").all;
		},
	};
}

export const appendRelaxed = appendBatches("append-relaxed", "relaxed");
export const appendStrict = appendBatches("append-strict", "strict");
