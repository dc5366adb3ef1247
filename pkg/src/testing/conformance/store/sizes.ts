import type { HostLimits } from "../../../host.js";
import { assert, equal, refuses } from "../assert.js";
import { type Case, needsBatches, type Rule } from "../case.js";
import { readSegment, readSpace } from "./entries.js";

const TRIED_BYTES = 16 << 20;

// What one record may hold follows from these, and can only be smaller.
const recordLimit = ({ maxValueBytes, maxBatchBytes, atomic }: HostLimits): number =>
	atomic === "none" ? maxValueBytes : Math.min(maxValueBytes, maxBatchBytes);

const recordCanBeTried: Rule = ({ limits }) =>
	recordLimit(limits) > TRIED_BYTES
		? `one record may be of up to ${recordLimit(limits)} bytes: more than this suite tries`
		: undefined;

/** A payload that says at every place which place it is. */
function payload(size: number): Uint8Array {
	const bytes = new Uint8Array(size);
	for (let i = 0; i < size; i++) bytes[i] = (i ^ (i >> 8) ^ (i >> 16)) & 0xff;
	return bytes;
}

function whole(actual: Uint8Array | undefined, expected: Uint8Array, what: string): void {
	equal(actual?.length, expected.length, `${what}: bytes`);
	let at = 0;
	while (at < expected.length && actual?.[at] === expected[at]) at++;
	assert(at === expected.length, `${what}: byte ${at} is another`);
}

export const sizeCases: readonly Case[] = [
	{
		name: "records from nothing to several blocks come back whole",
		async run(setting) {
			const store = await setting.store();
			const sizes = [0, 1, 511, 4096, 70_000, 300_000].filter((size) => size <= store.limits.maxRecordBytes);
			const records = sizes.map((size) => ({ payload: payload(size) }));
			await store.produce("s", "a", records);
			for (const read of [() => readSegment(store, "s", "a"), () => readSpace(store, "s")]) {
				const entries = await read();
				equal(entries.length, sizes.length, "entries");
				for (const [i, entry] of entries.entries()) {
					whole(entry.payload, (records[i] as (typeof records)[number]).payload, `record of ${sizes[i]} bytes`);
				}
			}
			const last = records[records.length - 1] as (typeof records)[number];
			whole((await store.peek("s", "a")).payload, last.payload, "peek");
		},
	},
	{
		name: "a record of maxRecordBytes is stored",
		needs: [recordCanBeTried],
		async run(setting) {
			const store = await setting.store();
			const largest = payload(store.limits.maxRecordBytes);
			await store.publish("s", "a", largest);
			await store.publish("s", "a", "next");
			const entries = await readSegment(store, "s", "a");
			equal(entries.length, 2, "entries");
			whole(entries[0]?.payload, largest, "the largest record");
			whole((await readSpace(store, "s"))[0]?.payload, largest, "the largest record in its space");
		},
	},
	{
		name: "a record of one byte more is refused and leaves nothing",
		async run(setting) {
			const store = await setting.store();
			const { maxRecordBytes } = store.limits;
			const error = await refuses(
				"LIMIT_EXCEEDED",
				() => store.publish("s", "a", new Uint8Array(maxRecordBytes + 1)),
				"a record above the limit",
			);
			equal(error.details["limit"], maxRecordBytes, "details limit");
			equal(await store.getSegmentStatus("s", "a"), undefined, "status");
		},
	},
	{
		name: "a commit of maxCommitBytes is stored whole, and more is refused",
		needs: [recordCanBeTried, needsBatches],
		async run(setting) {
			const store = await setting.store();
			const { maxRecordBytes, maxCommitBytes } = store.limits;
			if (maxCommitBytes > TRIED_BYTES) {
				return setting.skip(`one commit may be of ${maxCommitBytes} bytes: more than this suite tries`);
			}
			// A record counts its payload and eight bytes of lengths.
			const records: { payload: Uint8Array }[] = [];
			for (let left = maxCommitBytes; left > 8; ) {
				const size = Math.min(maxRecordBytes, left - 8);
				records.push({ payload: payload(size) });
				left -= size + 8;
			}
			const more = [...records, { payload: new Uint8Array(8) }];
			await refuses("LIMIT_EXCEEDED", () => store.transact([{ space: "s", segment: "a", records: more }]), "one more");
			equal(await store.getSegmentStatus("s", "a"), undefined, "status");
			const [status] = await store.transact([{ space: "s", segment: "a", records }]);
			equal(status?.lastSequence, records.length, "last sequence");
			const entries = await readSegment(store, "s", "a");
			for (const [i, entry] of entries.entries()) {
				whole(entry.payload, (records[i] as (typeof records)[number]).payload, `record ${i}`);
			}
		},
	},
];
