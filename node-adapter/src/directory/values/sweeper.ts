import type { Put } from "../journal/format.js";
import type { ValueFiles } from "./files.js";
import { referenceTo } from "./reference.js";
import { bytesOf, filesToSweep, type Sweepable, sweeping } from "./sweep.js";
import type { LaidAside } from "./value-file.js";
import type { Values } from "./values.js";

// After it was looked for room, for so many times as long as that took it is not without a reason.
const ROOM_PAUSE = 10;

/** What a sweeper does with the rows of the store. */
export interface SweptRows {
	/** Runs a write transaction. @throws where the directory is another one by now. */
	write<T>(run: () => T): T;
	/** In a write transaction: whether a key has that row. */
	holds(key: Uint8Array, row: Uint8Array): boolean;
	/** In a write transaction: whether there is room for so many values, of so many bytes, to be put again. */
	fits(bytes: number, count: number): boolean;
	/** In a write transaction: puts values again, laid aside anew. False: there is no room for that. */
	put(puts: readonly Put[]): boolean;
	/** Makes the latest state, or a later one, survive power loss. */
	settle(): void;
}

/** Looks for files of values that are used no more, and removes them. */
export class Sweeper {
	readonly #values: Values;
	readonly #files: ValueFiles;
	readonly #fileBytes: number;
	readonly #store: Sweepable;
	/** The file for which others were looked through. */
	#sweptFor = 0;
	/** Whether something was deleted here since there was last looked for room, and when it may be looked anyway. */
	#hasDeleted = false;
	#roomAt = 0;

	constructor(values: Values, rows: SweptRows, fileBytes: number) {
		this.#values = values;
		this.#files = values.files;
		this.#fileBytes = fileBytes;
		this.#store = this.#storeOf(rows);
	}

	/** Is told that there may be something to find. */
	sayDeleted(): void {
		this.#hasDeleted = true;
	}

	/** Whether something was deleted since there was last looked for room. */
	get hasDeleted(): boolean {
		return this.#hasDeleted;
	}

	/** The steps of a sweep, between which the rest may run; undefined when no file was begun since the last one. */
	sweep(): Iterator<void> | undefined {
		const { own } = this.#values;
		if (own === undefined || own.file === this.#sweptFor) return undefined;
		this.#sweptFor = own.file;
		return this.#sweepFor();
	}

	/** Looks through all files at once. False, and it does not, where there is hardly anything to find. */
	makeRoom(): boolean {
		const start = performance.now();
		// Looking takes long.
		if (!this.#hasDeleted && start < this.#roomAt) return false;
		this.#hasDeleted = false;
		try {
			this.#values.leaveFile();
			this.#sweepAll(false);
			// To move needs room: that of files that are not used at all, and then of those that needed less of it.
			let before: number;
			do {
				before = this.#bytes();
				this.#sweepAll(true);
			} while (this.#bytes() < before);
		} finally {
			const end = performance.now();
			this.#roomAt = end + ROOM_PAUSE * (end - start);
		}
		return true;
	}

	// The listing is a step, too: what it meets is no error of the commit that began the file.
	*#sweepFor(): Generator<void, void> {
		const { own } = this.#values;
		if (own === undefined) return;
		yield* sweeping(this.#store, filesToSweep(this.#files.sizes(), own, this.#fileBytes), true);
	}

	#sweepAll(moving: boolean): void {
		const files = this.#files.numbers().map((file) => ({ file, isSmall: false }));
		for (const _ of sweeping(this.#store, files, moving)) {
			// Whoever waits for room waits for all of it.
		}
	}

	#bytes(): number {
		return this.#files.sizes().reduce((sum, { size }) => sum + size, 0);
	}

	#storeOf({ write, holds, fits, put, settle }: SweptRows): Sweepable {
		const files = this.#files;
		const isReferred = ({ key, place }: LaidAside) => holds(key, referenceTo(place));
		return {
			// Under the lock: a reader may see an older state, in which rows do not refer to values yet.
			referred: (laid) => write(() => laid.filter(isReferred)),
			fits: (laid) => write(() => fits(bytesOf(laid), laid.length)),
			move: (laid) =>
				write(() => {
					const moved = laid.filter(isReferred);
					const puts = moved.map(({ key, place }) => ({ key, value: this.#values.readWhole(place) }));
					return puts.length === 0 || put(puts);
				}),
			settle,
			sizeOf: (file) => write(() => files.find(file)?.size),
			contents: ({ file, size }, offset, most) => files.get(file).contents(offset, size, most),
			remove: (file) => write(() => files.remove(file)),
		};
	}
}
