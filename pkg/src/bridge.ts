import type { Bytes } from "./bytes.js";
import { fromHost, invalid } from "./errors.js";
import type { HostBatch, HostCommit, HostKv, HostLimits, ScanPage, ScanRange } from "./host.js";
import { answerChecks, isPromise, unheeded } from "./host-answers.js";
import type { TimerCalls } from "./timers.js";
import type { MaybePromise } from "./types.js";
import { TIMESTAMP_END } from "./validate.js";

const ABSENT = 0xffffffff;
/** The bit of a length that says that the value is not in the frame, but the next one of a list beside it. */
const APART = 0x80000000;
/** From here on a value stands apart, so that it is copied once. */
const APART_BYTES = 4096;

/** An answer in one buffer; where values stand apart, the list that begins with it. */
type Packed = Bytes | Bytes[];

/**
 * What the engine calls. Byte arrays it passes are views of its memory, valid until the first await; those in a list
 * are copies.
 */
export interface Bridge {
	readonly name: string;
	readonly limits: HostLimits;
	/** Whether the host has answered with a promise: there is time for something else meanwhile. */
	readonly waits: boolean;
	get(keys: Uint8Array): MaybePromise<Packed>;
	scan(range: Uint8Array): MaybePromise<Packed>;
	commit(batch: Uint8Array, apart: readonly Bytes[]): MaybePromise<Bytes | undefined>;
	/** A compressed row as it is without compression; the light engine asks for it. */
	expand(row: Uint8Array): Promise<Bytes>;
	now(): number;
	fill(bytes: Uint8Array): void;
	startTimer(ms: number, callback: () => void): unknown;
	stopTimer(handle: unknown): void;
	notify(): void;
}

/** Reads the engine's frames; they are ours, so lengths are not checked again. */
class Unpacker {
	readonly #bytes: Bytes;
	readonly #view: DataView;
	#at = 0;

	/** Copies the frame out of wasm memory: once, and before anything else can grow that memory. */
	constructor(frame: Uint8Array) {
		this.#bytes = frame.slice() as Bytes;
		this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length);
	}

	u8(): number {
		return this.#bytes[this.#at++] as number;
	}

	u32(): number {
		const value = this.#view.getUint32(this.#at, true);
		this.#at += 4;
		return value;
	}

	skip(length: number): void {
		this.#at += length;
	}

	take(length: number): Bytes {
		this.#at += length;
		return this.#bytes.subarray(this.#at - length, this.#at);
	}
}

/** Writes an answer's frame, into a buffer whose size was counted with sizeOf. */
class Packer {
	readonly #bytes: Bytes;
	readonly #view: DataView;
	readonly #apart: Bytes[] = [];
	#at = 0;

	constructor(size: number) {
		this.#bytes = new Uint8Array(size);
		this.#view = new DataView(this.#bytes.buffer);
	}

	u8(value: number): void {
		this.#bytes[this.#at++] = value;
	}

	u32(value: number): void {
		this.#view.setUint32(this.#at, value, true);
		this.#at += 4;
	}

	inline(part: Uint8Array): void {
		this.u32(part.length);
		this.#bytes.set(part, this.#at);
		this.#at += part.length;
	}

	value(value: Uint8Array): void {
		if (standsApart(value)) {
			this.u32((value.length | APART) >>> 0);
			this.#apart.push(value as Bytes);
		} else {
			this.inline(value);
		}
	}

	finish(): Packed {
		return this.#apart.length === 0 ? this.#bytes : [this.#bytes, ...this.#apart];
	}
}

// The engine knows arrays by their class, which one of another realm does not have. And readers may be given views of
// them: then the buffer is an ordinary one, and holds no other value, and little else that would be kept as well.
const standsApart = (value: Uint8Array): boolean =>
	value.length >= APART_BYTES &&
	value instanceof Uint8Array &&
	value.buffer instanceof ArrayBuffer &&
	value.length * 2 > value.buffer.byteLength;

/** What a value takes in the frame, its length included. */
const sizeOf = (value: Uint8Array): number => 4 + (standsApart(value) ? 0 : value.length);

// An answer that arrives after the instance has trapped must not wake anything inside it.
function never<R>(): Promise<R> {
	return new Promise(() => {});
}

/** Wraps a host into what the engine calls: packs and unpacks, and refuses answers that break the host's contract. */
export function createBridge(
	host: HostKv,
	clock: () => number,
	timers: TimerCalls,
	alive: () => boolean = () => true,
	expand: (row: Bytes) => Promise<Bytes> = (row) => Promise.resolve(row),
): Bridge {
	const { name, limits } = host;
	const check = answerChecks(host);
	let waits = false;

	/** Calls the host and packs its answer, at once when it gives no promise. */
	function run<T, R>(call: string, start: () => MaybePromise<T>, pack: (answer: T) => R): R | Promise<R> {
		let answer: MaybePromise<T>;
		try {
			answer = start();
		} catch (error) {
			throw fromHost(error, name, call);
		}
		if (!isPromise(answer)) return pack(answer);
		waits = true;
		// One that merely has a then may call back at once, or give nothing to go on with.
		return Promise.resolve(answer).then(
			(value) => (alive() ? pack(value) : never<R>()),
			(error: unknown) => {
				if (!alive()) return never<R>();
				throw fromHost(error, name, call);
			},
		);
	}

	function packGet(values: readonly (Uint8Array | undefined)[], count: number): Packed {
		check.get(values, count);
		let size = 4;
		for (let i = 0; i < count; i++) size += values[i] === undefined ? 4 : sizeOf(values[i] as Uint8Array);
		const packer = new Packer(size);
		packer.u32(count);
		for (let i = 0; i < count; i++) {
			const value = values[i];
			if (value === undefined) packer.u32(ABSENT);
			else packer.value(value);
		}
		return packer.finish();
	}

	function packScan(page: ScanPage, range: ScanRange): Packed {
		const { keys, values, more } = check.scan(page, range);
		const hasValues = range.keysOnly !== true;
		let size = 6;
		for (let i = 0; i < keys.length; i++) {
			size += 4 + (keys[i] as Uint8Array).length;
			if (hasValues) size += sizeOf(values[i] as Uint8Array);
		}
		const packer = new Packer(size);
		packer.u8(more ? 1 : 0);
		packer.u32(keys.length);
		packer.u8(hasValues ? 1 : 0);
		for (let i = 0; i < keys.length; i++) {
			packer.inline(keys[i] as Uint8Array);
			if (hasValues) packer.value(values[i] as Uint8Array);
		}
		return packer.finish();
	}

	function packCommit(answer: HostCommit, checks: number): Bytes | undefined {
		const result = check.commit(answer, checks);
		if (result.applied) return undefined;
		const { check: failed, current } = result;
		const bytes = new Uint8Array(5 + (current?.length ?? 0));
		new DataView(bytes.buffer).setUint32(0, failed, true);
		if (current !== undefined) {
			bytes[4] = 1;
			bytes.set(current, 5);
		}
		return bytes;
	}

	return {
		name,
		limits,
		get waits() {
			return waits;
		},

		get(frame) {
			const input = new Unpacker(frame);
			const count = input.u32();
			const keys: Bytes[] = [];
			for (let i = 0; i < count; i++) keys.push(input.take(input.u32()));
			return run(
				"get",
				() => host.get(keys),
				(values) => packGet(values, count),
			);
		},

		scan(frame) {
			const input = new Unpacker(frame);
			const reverse = input.u8() === 1;
			const keysOnly = input.u8() === 1;
			input.skip(2);
			const limit = input.u32();
			const maxBytes = input.u32();
			const start = input.take(input.u32());
			const end = input.take(input.u32());
			const range: ScanRange = { start, end, limit };
			if (reverse) range.reverse = true;
			if (keysOnly) range.keysOnly = true;
			if (maxBytes > 0) range.maxBytes = maxBytes;
			return run(
				"scan",
				() => host.scan(range),
				(page) => packScan(page, range),
			);
		},

		commit(frame, apart) {
			const input = new Unpacker(frame);
			const durability = input.u8() === 1 ? "strict" : "relaxed";
			const checks: { key: Bytes; value: Bytes | undefined }[] = [];
			for (let left = input.u32(); left > 0; left--) {
				const key = input.take(input.u32());
				const length = input.u32();
				checks.push({ key, value: length === ABSENT ? undefined : input.take(length) });
			}
			const deletes: Bytes[] = [];
			for (let left = input.u32(); left > 0; left--) deletes.push(input.take(input.u32()));
			const puts: { key: Bytes; value: Bytes }[] = [];
			let next = 0;
			for (let left = input.u32(); left > 0; left--) {
				const key = input.take(input.u32());
				const length = input.u32();
				puts.push({ key, value: length < APART ? input.take(length) : (apart[next++] as Bytes) });
			}
			const batch: HostBatch = { checks, deletes, puts, durability };
			return run(
				"commit",
				() => host.commit(batch),
				(answer) => packCommit(answer, checks.length),
			);
		},

		expand(row) {
			const copy = row.slice() as Bytes;
			return expand(copy).then(
				(expanded) => (alive() ? expanded : never<Bytes>()),
				(error: unknown) => (alive() ? Promise.reject(error) : never<Bytes>()),
			);
		},

		now() {
			const now = clock();
			if (typeof now !== "number" || !(now < TIMESTAMP_END)) {
				unheeded(now);
				throw invalid("clock", "must give milliseconds below 2^48");
			}
			return Math.floor(now);
		},

		fill(bytes) {
			crypto.getRandomValues(bytes as Bytes);
		},

		startTimer: (ms, callback) => timers.start(ms, callback),
		stopTimer: (handle) => timers.stop(handle as ReturnType<typeof setTimeout>),

		notify() {
			try {
				unheeded(host.notify?.());
			} catch {
				// A hint that is lost is within the contract; the commit it follows has been applied.
			}
		},
	};
}
