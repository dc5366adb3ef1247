import { describe, StreamkitError } from "../../errors.js";
import type { KvNamespace } from "./kv-namespace.js";

const TRIES = 4;
/** How long a key that was refused for being written too often is left alone. */
const REFUSED_PAUSE = 1000;
const FORGET_ABOVE = 1000;

async function sleep(ms: number): Promise<void> {
	if (ms > 0) await new Promise<void>((resolve) => setTimeout(resolve, ms));
}

/** Writes names one by one, each of them at most once in an interval: more is refused by Workers KV. */
export class KvWriter {
	readonly #kv: KvNamespace;
	readonly #interval: number;
	/** When a name may be written again. */
	readonly #due = new Map<string, number>();

	constructor(kv: KvNamespace, interval: number) {
		this.#kv = kv;
		this.#interval = interval;
	}

	put(name: string, value: Uint8Array): Promise<void> {
		return this.#write(name, "put", () => this.#kv.put(name, value));
	}

	delete(name: string): Promise<void> {
		return this.#write(name, "delete", () => this.#kv.delete(name));
	}

	async #write(name: string, call: string, write: () => Promise<void>): Promise<void> {
		for (let tried = 1; ; tried++) {
			await sleep((this.#due.get(name) ?? 0) - Date.now());
			try {
				await write();
				return;
			} catch (error) {
				// Another instance wrote it a moment ago.
				if (tried < TRIES && /\b429\b|too many requests/i.test(describe(error))) {
					await sleep(REFUSED_PAUSE);
					continue;
				}
				throw new StreamkitError("UNAVAILABLE", `host "workers-kv": ${call} failed: ${describe(error)}`, {
					cause: error,
					details: { applied: "unknown" },
				});
			} finally {
				this.#wrote(name);
			}
		}
	}

	#wrote(name: string): void {
		if (this.#interval === 0) return;
		const now = Date.now();
		if (this.#due.size >= FORGET_ABOVE) {
			for (const [known, due] of this.#due) if (due <= now) this.#due.delete(known);
		}
		this.#due.set(name, now + this.#interval);
	}
}
