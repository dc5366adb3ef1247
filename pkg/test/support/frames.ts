import type { Bytes } from "../../src/common/bytes.js";
import type { Cursor } from "../../src/framing/page.js";
import type { RecordInput } from "../../src/types.js";

/** A record as it lies in a frame. */
export interface FramedRecord {
	payload: Buffer;
	metadata: Record<string, string>;
	sequence: number;
}

/** Reads a record frame, straight from its description. */
export function parseFrame(bytes: Uint8Array): FramedRecord[] {
	const buffer = Buffer.from(bytes);
	let at = 0;
	const u32 = (): number => {
		at += 4;
		return buffer.readUInt32LE(at - 4);
	};
	const take = (length: number): Buffer => {
		if (at + length > buffer.length) throw new Error("the frame is too short");
		at += length;
		return buffer.subarray(at - length, at);
	};
	const count = u32();
	const sequences: number[] = [];
	if (take(1)[0] === 1) for (let i = 0; i < count; i++) sequences.push(Number(take(8).readBigUInt64LE()));
	const records: FramedRecord[] = [];
	for (let i = 0; i < count; i++) {
		const payload = take(u32());
		const metadata: Record<string, string> = {};
		const metadataLength = u32();
		const end = at + metadataLength;
		if (metadataLength > 0) {
			for (let pairs = u32(); pairs > 0; pairs--) {
				const key = take(u32()).toString();
				Object.defineProperty(metadata, key, {
					value: take(u32()).toString(),
					enumerable: true,
					configurable: true,
					writable: true,
				});
			}
		}
		if (at !== end) throw new Error("metadata does not end where it should");
		records.push({ payload, metadata, sequence: sequences[i] ?? 0 });
	}
	if (at !== buffer.length) throw new Error("the frame is too long");
	return records;
}

interface RunInput {
	segment: string;
	first?: number;
	ms?: number;
	n?: number;
	tier?: number;
	/** Where the entries begin in an array of their own. */
	lentAt?: number | undefined;
	records: readonly RecordInput[];
}

/** Builds pages, straight from their description. */
export class PageBuilder {
	readonly #head: { done?: boolean; tail?: boolean; stream?: boolean; next?: Cursor };
	readonly #names: string[] = [];
	readonly #runs: Buffer[] = [];
	readonly #lent: Bytes[] = [];
	#lentBefore = false;

	constructor(head: { done?: boolean; tail?: boolean; stream?: boolean; next?: Cursor }) {
		this.#head = head;
	}

	run({ segment, first = 1, ms = 1, n = 0, tier = 0, lentAt, records }: RunInput): this {
		this.#names.push(segment);
		const entries = Buffer.concat(records.map(entry));
		// A lent run goes on in the array of the one before, where there is one.
		const before = this.#lentBefore ? this.#lent.at(-1) : undefined;
		const start = (before?.length ?? 0) + (lentAt ?? 0);
		if (lentAt !== undefined) {
			if (before !== undefined) this.#lent.pop();
			this.#lent.push(new Uint8Array([...(before ?? []), ...Buffer.alloc(lentAt, 9), ...entries, 9]));
		}
		this.#lentBefore = lentAt !== undefined;
		const trx = Buffer.from(Array.from({ length: 32 }, (_, i) => i));
		this.#runs.push(
			Buffer.concat([
				u32(this.#names.length - 1),
				u32(records.length),
				u32(entries.length),
				u32(tier + (lentAt === undefined ? 0 : 2) + (lentAt === undefined || before !== undefined ? 0 : 4)),
				u64(first),
				u64(ms),
				u64(n),
				trx,
				u64(77),
				lentAt === undefined ? entries : u32(start),
			]),
		);
		return this;
	}

	/** The buffer, and the arrays that it refers to. */
	list(): [Bytes, ...Bytes[]] {
		return [this.finish(), ...this.#lent];
	}

	finish(): Bytes {
		const { done = false, tail = false, stream = false, next = [0, 0] } = this.#head;
		const head = Buffer.from([done ? 1 : 0, tail ? 1 : 0, stream ? 1 : 0, 0]);
		const bytes = Buffer.concat([
			head,
			u32(this.#names.length),
			...this.#names.map(text),
			...next.map(u64),
			u32(this.#runs.length),
			...this.#runs,
		]);
		return new Uint8Array(bytes);
	}
}

function entry({ payload, metadata }: RecordInput): Buffer {
	const body = Buffer.from(payload as string);
	const keys = Object.keys(metadata ?? {}).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
	const pairs = keys.map((key) => Buffer.concat([text(key), text(metadata?.[key] ?? "")]));
	const meta = keys.length === 0 ? Buffer.alloc(0) : Buffer.concat([u32(keys.length), ...pairs]);
	return Buffer.concat([u32(body.length), body, u32(meta.length), meta]);
}

function text(value: string): Buffer {
	return Buffer.concat([u32(Buffer.byteLength(value)), Buffer.from(value)]);
}

function u32(value: number): Buffer {
	const bytes = Buffer.alloc(4);
	bytes.writeUInt32LE(value);
	return bytes;
}

function u64(value: number): Buffer {
	const bytes = Buffer.alloc(8);
	bytes.writeBigUInt64LE(BigInt(value));
	return bytes;
}
