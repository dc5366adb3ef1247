import { assert, equal } from "../assert.js";
import type { Case } from "../case.js";
import { collect, lines, numbered } from "./entries.js";

const TRIED_BYTES = 16 << 20;

export const storePageCases: readonly Case[] = [
	{
		name: "a read of more than one page gives every entry, by entries and by pages",
		async run(setting) {
			const store = await setting.store();
			const { maxCommitRecords, maxCommitBytes } = store.limits;
			// In one commit, and more than fits the page that an iteration reads first.
			const count = Math.min(1500, maxCommitRecords, Math.floor(maxCommitBytes / 64));
			await store.produce("s", "a", numbered(count));
			const expected = Array.from({ length: count }, (_, i) => `a/${i + 1}=${i + 1}`);
			for (const stream of [
				store.consumeSegment({ space: "s", segment: "a" }),
				store.consumeSpace({ space: "s" }),
				store.consume({ offsets: { s: "" } }),
			]) {
				equal(lines(await collect(stream)), expected, "by entries");
				const pages = await collect(stream.pages({ maxEntries: 64 }));
				equal(lines(pages.flat()), expected, "by pages");
				for (const page of pages) assert(page.length >= 1 && page.length <= 64, "a page of 1 to 64 entries");
				assert(pages.length >= count / 64, "more than one page");
			}
		},
	},
	{
		name: "a long input is stored in chunks",
		async run(setting) {
			const store = await setting.store();
			const { maxCommitBytes, maxRecordBytes } = store.limits;
			if (maxCommitBytes > TRIED_BYTES) {
				return setting.skip(`one commit may be of ${maxCommitBytes} bytes: more than this suite tries`);
			}
			const payload = "x".repeat(Math.min(4000, maxRecordBytes >> 1));
			const count = Math.ceil((maxCommitBytes * 2.5) / payload.length);
			const statuses = await collect(
				store.produceStream(
					"s",
					"a",
					Array.from({ length: count }, () => ({ payload })),
				),
			);
			assert(statuses.length >= 3, "at least three chunks");
			equal(statuses[statuses.length - 1]?.lastSequence, count, "last sequence");
			equal((await store.consumeSegment({ space: "s", segment: "a" }).toArray()).length, count, "entries");
		},
	},
];
