import { unlessAborted } from "../common/abort.js";
import type { PageEntry } from "../framing/page.js";
import type { PageSource } from "./page-reader.js";

/** A read that has to wait for something before it begins. */
export class LateSource implements PageSource {
	readonly signal: AbortSignal | undefined;
	readonly #opening: Promise<PageSource>;
	#source: PageSource | undefined;
	#closed = false;
	#stop: (() => void) | undefined;
	readonly #stopped: Promise<undefined>;

	constructor(signal: AbortSignal | undefined, opening: Promise<PageSource>) {
		this.signal = signal;
		this.#opening = opening;
		this.#stopped = new Promise((resolve) => {
			this.#stop = () => resolve(undefined);
		});
	}

	async next(maxEntries: number): Promise<Iterable<PageEntry> | undefined> {
		if (this.#source === undefined) {
			const opened = await Promise.race([unlessAborted(this.#opening, this.signal), this.#stopped]);
			if (opened === undefined || this.#closed) return undefined;
			this.#source = opened;
		}
		return this.#source.next(maxEntries);
	}

	close(): void {
		this.#closed = true;
		this.#stop?.();
		this.#source?.close();
	}
}
