import { unlessAborted } from "../common/abort.js";
import type { EngineSlot } from "../engine/slot.js";

const waiting = new WeakMap<EngineSlot, Map<string, Set<LeasePlace>>>();

/** The calls of a store that wait for leases, by key, in the order in which they came. */
function waitingIn(slot: EngineSlot): Map<string, Set<LeasePlace>> {
	const known = waiting.get(slot) ?? new Map<string, Set<LeasePlace>>();
	waiting.set(slot, known);
	return known;
}

/**
 * The place of a call among those of its store that wait for the same lease. Only the first one asks for it: would all
 * of them, each release cost as many calls of the host as there are waiting.
 */
export class LeasePlace {
	readonly #slot: EngineSlot;
	readonly #key: string;
	readonly #all: Set<LeasePlace>;
	#told: () => void = () => {};

	constructor(slot: EngineSlot, key: string) {
		this.#slot = slot;
		this.#key = key;
		const keys = waitingIn(slot);
		this.#all = keys.get(key) ?? new Set();
		keys.set(key, this.#all);
		this.#all.add(this);
	}

	get isFirst(): boolean {
		return firstOf(this.#all) === this;
	}

	/** Resolves when nobody is before it any more, or after so many milliseconds. */
	async first(ms: number, signal: AbortSignal | undefined): Promise<void> {
		let timer: ReturnType<typeof setTimeout> | undefined;
		const told = new Promise<void>((resolve) => {
			this.#told = resolve;
			timer = setTimeout(resolve, Math.min(ms, 0x7fffffff));
		});
		try {
			await unlessAborted(this.#slot.unlessClosed(told), signal);
		} finally {
			clearTimeout(timer);
			// Nothing goes on waiting for it.
			this.#told();
		}
	}

	/** Lets the next one be the first. */
	leave(): void {
		const wasFirst = this.isFirst;
		this.#all.delete(this);
		const next = firstOf(this.#all);
		if (next === undefined) waitingIn(this.#slot).delete(this.#key);
		else if (wasFirst) next.#told();
	}
}

function firstOf(places: Set<LeasePlace>): LeasePlace | undefined {
	return places.values().next().value;
}
