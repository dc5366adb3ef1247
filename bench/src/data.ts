// The data of every row: JSON events of exactly 1,024 bytes, the same in every run. Numbers and identifiers
// first, then words: gzip takes them to about a quarter.

export const EVENT_BYTES = 1024;

/** An event as systems that store objects take and give it. */
export interface EventObject {
	readonly id: string;
	readonly type: string;
	readonly number: number;
	readonly at: number;
	readonly customer: string;
	readonly items: readonly { readonly sku: string; readonly quantity: number; readonly cents: number }[];
	readonly note: string;
}

const WORDS = (
	"order invoice parcel customer address delivery payment refund coupon basket stock shelf pallet truck route driver " +
	"morning evening Monday Tuesday Friday late early please leave with neighbour at the back door ring twice fragile " +
	"express standard signed returned damaged replaced confirmed cancelled picked packed shipped billed paid open closed"
).split(" ");
const TYPES = ["order-placed", "order-paid", "order-packed", "order-shipped", "order-returned"];

/** A small generator of 32-bit numbers (mulberry32): good enough for data, and the same everywhere. */
function random(seed: number): () => number {
	let state = seed | 0;
	return () => {
		state = (state + 0x6d2b79f5) | 0;
		let mixed = Math.imul(state ^ (state >>> 15), state | 1);
		mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
		return (mixed ^ (mixed >>> 14)) >>> 0;
	};
}

const hex = (value: number): string => value.toString(16).padStart(8, "0");

/** The event of that number, as JSON text of EVENT_BYTES characters. */
export function eventText(number: number): string {
	const next = random(number);
	const items = Array.from({ length: 4 }, () => ({
		sku: `SKU-${hex(next())}`,
		quantity: 1 + (next() % 9),
		cents: 100 + (next() % 99_900),
	}));
	const head = JSON.stringify({
		id: `${hex(next())}${hex(next())}${hex(next())}${hex(next())}`,
		type: TYPES[next() % TYPES.length],
		number,
		at: 1_790_000_000_000 + number * 37,
		customer: `customer-${next() % 100_000}`,
		items,
		note: "",
	});
	let note = "";
	const room = EVENT_BYTES - head.length;
	while (note.length < room) note += `${WORDS[next() % WORDS.length]} `;
	return `${head.slice(0, -2)}${note.slice(0, room)}"}`;
}

/** Events as UTF-8 bytes, all in one buffer: what stores of bytes are given. Made before any clock starts. */
export class Events {
	readonly count: number;
	readonly #memory: ArrayBuffer;
	/** Plain views, one for each event. */
	readonly bytes: readonly Uint8Array<ArrayBuffer>[];

	constructor(count: number) {
		this.count = count;
		this.#memory = new ArrayBuffer(count * EVENT_BYTES);
		const all = Buffer.from(this.#memory);
		for (let index = 0; index < count; index++) {
			const written = all.write(eventText(index), index * EVENT_BYTES, "latin1");
			if (written !== EVENT_BYTES) throw new Error(`event ${index} has ${written} bytes`);
		}
		this.bytes = Array.from({ length: count }, (_, index) => {
			return new Uint8Array(this.#memory, index * EVENT_BYTES, EVENT_BYTES);
		});
	}

	/** The same memory as Buffers, for packages that take those without converting. */
	buffers(): Buffer<ArrayBuffer>[] {
		return this.bytes.map((_, index) => Buffer.from(this.#memory, index * EVENT_BYTES, EVENT_BYTES));
	}

	/** The events parsed, for packages that take objects. */
	objects(): EventObject[] {
		return this.buffers().map((event) => JSON.parse(event.toString("latin1")) as EventObject);
	}
}

/** Cuts a list into batches; the last may be shorter. */
export function batches<T>(list: readonly T[], size: number): T[][] {
	const cut: T[][] = [];
	for (let at = 0; at < list.length; at += size) cut.push(list.slice(at, at + size));
	return cut;
}
