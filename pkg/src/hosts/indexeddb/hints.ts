import { soon } from "../../common/microtasks.js";

/**
 * Tells other hosts on the same database, in this tab or another, that something was written. Messages may get lost.
 */
export class Hints {
	readonly #name: string;
	readonly #watchers = new Set<() => void>();
	#channel: BroadcastChannel | undefined;
	#telling = false;
	#closed = false;

	constructor(database: string) {
		this.#name = `streamkit:${database}`;
	}

	/** Whether this browser has a way to tell. */
	static get supported(): boolean {
		return typeof BroadcastChannel === "function";
	}

	watch(changed: () => void): () => void {
		if (this.#closed) return () => {};
		// A function of its own, so that one that is registered twice is stopped once.
		const watcher = (): void => changed();
		this.#watchers.add(watcher);
		const channel = this.#open();
		if (channel !== undefined) channel.onmessage = () => this.#tell();
		return () => {
			if (this.#watchers.delete(watcher) && this.#watchers.size === 0 && this.#channel !== undefined) {
				this.#channel.onmessage = null;
			}
		};
	}

	notify(): void {
		if (this.#telling || this.#closed) return;
		this.#telling = true;
		// Commits that are answered in one go are told as one.
		soon(() => {
			this.#telling = false;
			if (this.#closed) return;
			// A channel does not hear itself: stores that share this host are told here.
			if (this.#watchers.size > 1) this.#tell();
			this.#open()?.postMessage(0);
		});
	}

	close(): void {
		this.#closed = true;
		this.#watchers.clear();
		this.#channel?.close();
		this.#channel = undefined;
	}

	#open(): BroadcastChannel | undefined {
		if (this.#channel === undefined && Hints.supported) this.#channel = new BroadcastChannel(this.#name);
		return this.#channel;
	}

	#tell(): void {
		for (const watcher of [...this.#watchers]) watcher();
	}
}
