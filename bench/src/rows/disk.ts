// Bytes on the disk (blocks that the file system gave) per byte of JSON. Each side writes all events by batches of
// 1,000 and closes; where a side can compact, that is done before. No rounds: writing the same twice takes the same.
//   ours            one segment, compact(), with compression none and auto
//   classic-level   a row per event, compactRange() over all; it compresses with snappy by default
//   lmdb            a row per event; it never gives pages back, nor compresses
//   event-storage   one stream; JSON of its own around each event

import { batches } from "../data.js";
import { diskBytes } from "../folders.js";
import { Lines } from "../lines.js";
import * as level from "../sides/classic-level.js";
import * as eventStorage from "../sides/event-storage.js";
import * as lmdb from "../sides/lmdb.js";
import { type Compression, fill, produceAll, recordsOf } from "../sides/streamkit.js";
import { makeEvents, type Row } from "./row.js";

const title = "bytes on disk per byte of JSON";

export const disk: Row = {
	name: "disk",
	title,
	async measure({ events: count, folders }) {
		const events = makeEvents(count);
		const json = events.bytes.reduce((sum, { length }) => sum + length, 0);
		const ours = (compression: Compression, compact: boolean) => (folder: string) =>
			fill(folder, compression, compact, (store) => produceAll(store, batches(recordsOf(events), 1000)));
		const writers: Record<string, (folder: string) => Promise<void>> = {
			none: ours("none", true),
			auto: ours("auto", true),
			"as written": ours("none", false),
			"classic-level": (folder) => level.writeRows(folder, events, 1000, true),
			lmdb: (folder) => lmdb.writeRows(folder, events, 1000),
			"event-storage": (folder) => eventStorage.write(folder, batches(events.objects(), 1000)),
		};
		const used = new Map<string, number>();
		for (const [name, write] of Object.entries(writers)) {
			const folder = folders.fresh();
			await write(folder);
			used.set(name, diskBytes(folder) / json);
			folders.remove(folder);
		}
		const lines = new Lines(used, "disk bytes per byte");
		for (const peer of ["classic-level", "lmdb", "event-storage"]) {
			lines.add(`${title}, compacted`, "none", peer).add(`${title}, compacted, auto`, "auto", peer);
		}
		return lines.add(`${title}, not compacted`, "as written").all;
	},
};
