import type { FileSize, LaidAside } from "./value-file.js";

/** What a sweep asks of the store, and does to it. */
export interface Sweepable {
	/** Which of these values rows refer to, in the latest state. */
	referred(values: readonly LaidAside[]): LaidAside[];
	/** Lays values aside anew, those that rows still refer to. False: there is no room. */
	move(values: readonly LaidAside[]): boolean;
	/** Makes the latest state, or a later one, survive power loss. */
	settle(): void;
	/** Bytes of a file while no commit is under way; undefined when it is gone. */
	sizeOf(file: number): number | undefined;
	/** Everything in the first bytes of a file; undefined for what cannot be told. */
	contents(file: FileSize): Iterable<LaidAside | undefined>;
	/** Removes a file that was so long; one that has grown stays. */
	remove(file: FileSize): void;
}

/** A file to look through. */
export interface ToSweep {
	readonly file: number;
	/** Whether what is used in it is moved in any case: it is small. */
	readonly isSmall: boolean;
}

// What is done between two looks at the rest of the process.
const LOOKED_AT = 128;
const MOVED_BYTES = 1024 * 1024;
// For each file that is begun: more than one, so that what is unused is found before as much is written again.
const IN_TURN = 2;
const SMALL_ONES = 8;
// Of Knuth's multiplicative hash.
const SPREADING = 2654435761;

/**
 * Which files to look through when one was begun: two that are as good as drawn by lot, since who begins the next one may
 * be another process; and small ones, which become one with it, each no larger than what it is by then. No file is to
 * have more than `fileBytes`.
 */
export function filesToSweep(files: readonly FileSize[], own: FileSize, fileBytes: number): ToSweep[] {
	const others = files.filter(({ file }) => file !== own.file);
	const small = new Set<number>();
	let bytes = own.size;
	for (const { file, size } of [...others].sort((a, b) => a.size - b.size).slice(0, SMALL_ONES)) {
		if (size > bytes || bytes + size > fileBytes / 2) break;
		small.add(file);
		bytes += size;
	}
	const chosen = new Set(small);
	for (let index = 0; index < Math.min(IN_TURN, others.length); index++) {
		const lot = (Math.imul(own.file, SPREADING) >>> 0) + index;
		chosen.add((others[lot % others.length] as FileSize).file);
	}
	return [...chosen].map((file) => ({ file, isSmall: small.has(file) }));
}

/**
 * Looks through files and removes those to which no row refers. If `moving`, what rows refer to in a file that is small
 * or mostly unused is moved first to the one that is added to. Each step is short; between two, anything may happen.
 * No row refers again to a value of a commit that is done once it does not any more: what is found unused stays so.
 */
export function* sweeping(store: Sweepable, files: Iterable<ToSweep>, moving: boolean): Generator<void, void> {
	for (const { file, isSmall } of files) {
		const size = store.sizeOf(file);
		if (size === undefined) continue;
		const live: LaidAside[] = [];
		let isWhole = true;
		for (const some of inParts(store.contents({ file, size }), () => 1, LOOKED_AT)) {
			const values = some.filter((value) => value !== undefined);
			isWhole &&= values.length === some.length;
			live.push(...store.referred(values));
			yield;
		}
		if (!isWhole) continue;
		const isMoved = live.length > 0 && moving && (isSmall || bytesOf(live) < size / 2);
		if (live.length > 0 && !isMoved) continue;
		let moved = true;
		for (const some of inParts(live, ({ place }) => place.length, MOVED_BYTES)) {
			moved &&= store.move(some);
			yield;
		}
		if (!moved) continue;
		// After power loss there must not be rows again that refer to what is removed.
		store.settle();
		store.remove({ file, size });
	}
}

function bytesOf(values: readonly LaidAside[]): number {
	return values.reduce((sum, { place }) => sum + place.length, 0);
}

function* inParts<T>(all: Iterable<T>, sizeOf: (one: T) => number, most: number): Generator<T[]> {
	let part: T[] = [];
	let size = 0;
	for (const one of all) {
		part.push(one);
		size += sizeOf(one);
		if (size < most) continue;
		yield part;
		part = [];
		size = 0;
	}
	if (part.length > 0) yield part;
}
