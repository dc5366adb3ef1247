import { EVENT_BYTES, type EventObject, type Events } from "./data.js";

/**
 * Counts what a side read, and a checksum over it that depends on the order. Of bytes it takes one in 64, so that
 * every cache line of every payload is loaded and summing up costs both sides the same little; of objects, what only
 * a parsed event has.
 */
export class Tally {
	count = 0;
	sum = 0;

	bytes(payload: Uint8Array): void {
		let sum = payload.length;
		for (let at = 0; at < payload.length; at += 64) sum += payload[at] as number;
		this.#add(sum + (payload[payload.length - 1] as number));
	}

	object(event: EventObject): void {
		this.#add(event.number + event.note.length + event.id.charCodeAt(31) + event.items.length);
	}

	#add(value: number): void {
		this.count++;
		this.sum = (Math.imul(this.sum, 31) + value) | 0;
	}

	/** Throws unless this is what reading all of `expected` in order gives. */
	check(side: string, expected: Tally): void {
		if (this.count !== expected.count || this.sum !== expected.sum) {
			throw new Error(`${side} read ${this.count} (sum ${this.sum}), not ${expected.count} (sum ${expected.sum})`);
		}
	}
}

/** What reading the first `count` events, as bytes, must give; the list is gone through again where it ends. */
export function tallyOfBytes(events: Events, count = events.count): Tally {
	const tally = new Tally();
	for (let index = 0; index < count; index++) {
		const payload = events.bytes[index % events.count];
		if (payload?.length !== EVENT_BYTES) throw new Error(`event ${index} is missing`);
		tally.bytes(payload);
	}
	return tally;
}

/** What reading the objects must give. */
export function tallyOfObjects(objects: readonly EventObject[]): Tally {
	const tally = new Tally();
	for (const object of objects) tally.object(object);
	return tally;
}
