// A bridge to a host in memory, as the engine sees one. Knobs make it slow, broken or out of order.

const ABSENT = 0xffffffff;
const APART = 0x80000000;
const APART_BYTES = 4096;
const order = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b));

class Reader {
	constructor(frame) {
		// A copy: what comes in is a view of wasm memory.
		this.bytes = frame.slice();
		this.view = new DataView(this.bytes.buffer);
		this.at = 0;
	}
	u8() {
		return this.bytes[this.at++];
	}
	u32() {
		this.at += 4;
		return this.view.getUint32(this.at - 4, true);
	}
	take(length) {
		this.at += length;
		return this.bytes.subarray(this.at - length, this.at);
	}
	list(read) {
		return Array.from({ length: this.u32() }, read);
	}
	key() {
		return this.take(this.u32());
	}
	value() {
		const length = this.u32();
		return length === ABSENT ? undefined : this.take(length);
	}
}

const u32 = (value) => new Uint8Array(new Uint32Array([value]).buffer);
const join = (...parts) => new Uint8Array(Buffer.concat(parts.map((part) => Uint8Array.from(part))));
const prefixed = (bytes) => (bytes === undefined ? u32(ABSENT) : join(u32(bytes.length), bytes));

/** The frame of a value, which goes into the list instead when it is large. */
function valueInto(apart, value) {
	if (value === undefined || value.length < APART_BYTES) return prefixed(value);
	apart.push(value);
	return u32((value.length | APART) >>> 0);
}
const packed = (apart, bytes) => (apart.length === 0 ? bytes : [bytes, ...apart]);

export class MemoryBridge {
	constructor() {
		this.name = "memory";
		this.limits = {
			maxKeyBytes: 1024,
			maxValueBytes: Number.POSITIVE_INFINITY,
			maxBatchOps: 10_000,
			maxBatchBytes: 64 << 20,
			blockBytes: 65_536,
			atomic: "store",
			checks: true,
			consistent: true,
			shared: false,
			compress: false,
		};
		this.rows = new Map();
		this.clock = () => 1_700_000_000_000.75;
		this.timers = new Map();
		this.started = 0;
		this.notified = 0;
		this.commits = 0;
		this.lent = [];
		/** Answers come as promises. */
		this.later = false;
		/** By call: what to do instead. */
		this.instead = {};
	}

	#answer(call, make) {
		if (this.instead[call] !== undefined) return this.instead[call](make);
		return this.later ? Promise.resolve().then(make) : make();
	}

	get(frame) {
		const reader = new Reader(frame);
		const keys = reader.list(() => reader.key());
		return this.#answer("get", () => {
			const apart = [];
			const values = keys.map((key) => valueInto(apart, this.rows.get(String(key))?.value));
			return packed(apart, join(u32(keys.length), ...values));
		});
	}

	scan(frame) {
		const reader = new Reader(frame);
		const [reverse, keysOnly] = [reader.u8(), reader.u8()];
		reader.take(2);
		const [limit, maxBytes] = [reader.u32(), reader.u32()];
		const [start, end] = [reader.key(), reader.key()];
		return this.#answer("scan", () => {
			const all = [...this.rows.values()].filter(({ key }) => order(key, start) >= 0 && order(key, end) < 0);
			all.sort((a, b) => (reverse ? order(b.key, a.key) : order(a.key, b.key)));
			let bytes = 0;
			let count = 0;
			while (count < all.length && count < limit && (count === 0 || bytes + all[count].value.length <= maxBytes))
				bytes += all[count++].value.length;
			const pairs = all.slice(0, count);
			const apart = [];
			const body = pairs.flatMap(({ key, value }) =>
				keysOnly ? [prefixed(key)] : [prefixed(key), valueInto(apart, value)],
			);
			const more = count < all.length ? 1 : 0;
			return packed(apart, join([more], u32(count), [keysOnly ? 0 : 1], ...body));
		});
	}

	lend(value) {
		this.lent.push(value.slice());
	}

	commit(frame) {
		const large = this.lent.values();
		this.lent = [];
		const reader = new Reader(frame);
		const written = () => {
			const length = reader.u32();
			return length < APART ? reader.take(length) : large.next().value;
		};
		reader.u8();
		const checks = reader.list(() => ({ key: reader.key(), value: reader.value() }));
		const deletes = reader.list(() => reader.key());
		const puts = reader.list(() => ({ key: reader.key(), value: written() }));
		return this.#answer("commit", () => {
			this.commits++;
			for (const [index, { key, value }] of checks.entries()) {
				const current = this.rows.get(String(key))?.value;
				const same = value === undefined ? current === undefined : current !== undefined && order(value, current) === 0;
				if (!same) return join(u32(index), [current === undefined ? 0 : 1], current ?? []);
			}
			for (const key of deletes) this.rows.delete(String(key));
			for (const row of puts) this.rows.set(String(row.key), row);
			return undefined;
		});
	}

	now() {
		return this.clock();
	}

	fill(bytes) {
		globalThis.crypto.getRandomValues(bytes);
	}

	startTimer(ms, callback) {
		const handle = ++this.started;
		this.timers.set(
			handle,
			setTimeout(() => {
				this.timers.delete(handle);
				callback();
			}, ms),
		);
		return handle;
	}

	stopTimer(handle) {
		clearTimeout(this.timers.get(handle));
		this.timers.delete(handle);
	}

	notify() {
		this.notified++;
	}

	/** How many timers are running. */
	running() {
		return this.timers.size;
	}

	/** Makes a call throw, or reject, this value. */
	fail(call, thrown, later) {
		this.instead[call] = () => {
			if (later) return Promise.reject(thrown);
			throw thrown;
		};
	}

	/** Makes a call answer this value. */
	say(call, answer) {
		this.instead[call] = () => answer;
	}

	/** Makes a call never answer. */
	hang(call) {
		this.instead[call] = () => new Promise(() => {});
	}

	/** Makes a call do what it should. */
	heal(call) {
		delete this.instead[call];
	}
}

export function evaluate(text) {
	return new Function(`return (${text});`)();
}

export class PromisedCall {
	promise = new Promise((resolve, reject) => {
		this.answer = (a, b, c, d) => resolve(Float64Array.of(a, b, c, d));
		this.refuse = reject;
	});
}
