import { closeSync, constants, type FSWatcher, openSync, watch, writeSync } from "node:fs";
import { join } from "node:path";
import { WAKE_FILE } from "./file-names.js";

// Below this a reader cannot be woken much sooner than by the next hint, and each costs the writer a system call.
const QUIET_MILLISECONDS = 5;

/**
 * Hints between processes by way of one small file: late, doubled and lost ones are all fine, since whoever waits
 * looks from time to time anyway. It never keeps the process alive and never throws.
 */
export class WakeFile {
	readonly #path: string;
	/** Opened once: later, another store may stand there. */
	#handle: number | undefined;
	#watcher: FSWatcher | undefined;
	#listeners = new Set<() => void>();
	#timer: NodeJS.Timeout | undefined;
	#last = Number.NEGATIVE_INFINITY;
	#closed = false;

	/** Of a directory, which `through` leads to. */
	constructor(directory: string, through = directory) {
		this.#path = join(directory, WAKE_FILE);
		try {
			this.#handle = openSync(join(through, WAKE_FILE), constants.O_WRONLY | constants.O_CREAT, 0o666);
		} catch {
			// Nobody is told; all look from time to time.
		}
	}

	/** Wakes the others: at once, or together with what follows within a few milliseconds. */
	touch(): void {
		if (this.#closed || this.#timer !== undefined) return;
		const wait = this.#last + QUIET_MILLISECONDS - performance.now();
		if (wait <= 0) {
			this.#write();
			return;
		}
		this.#timer = setTimeout(() => {
			this.#timer = undefined;
			this.#write();
		}, wait);
		this.#timer.unref();
	}

	/** Calls back when the file was touched, by this process too. Returns how to stop. */
	listen(changed: () => void): () => void {
		if (this.#closed) return () => {};
		const listener = () => changed();
		this.#listeners.add(listener);
		this.#watch();
		return () => {
			this.#listeners.delete(listener);
			if (this.#listeners.size === 0) this.#unwatch();
		};
	}

	close(): void {
		this.#closed = true;
		clearTimeout(this.#timer);
		this.#timer = undefined;
		this.#listeners.clear();
		this.#unwatch();
		if (this.#handle !== undefined) closeSync(this.#handle);
		this.#handle = undefined;
	}

	#write(): void {
		this.#last = performance.now();
		if (this.#handle === undefined) return;
		try {
			// Always the same byte: a file that does not grow does not fail for lack of room.
			writeSync(this.#handle, "w", 0);
		} catch {
			// A hint that cannot be given is a lost hint.
		}
	}

	#watch(): void {
		if (this.#watcher !== undefined) return;
		try {
			this.#watcher = watch(this.#path, { persistent: false }, () => {
				for (const listener of [...this.#listeners]) listener();
			});
			// The directory may go away, and the number of watches is limited: the poll remains.
			this.#watcher.on("error", () => this.#unwatch());
		} catch {
			this.#unwatch();
		}
	}

	#unwatch(): void {
		this.#watcher?.close();
		this.#watcher = undefined;
	}
}
