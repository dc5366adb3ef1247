import type { Contents, FileSize, LaidAside } from "./value-file.js";

/** What a sweep asks of the store, and does to it. */
export interface Sweepable {
	/** Which of these values rows refer to, in the latest state. */
	referred(values: readonly LaidAside[]): LaidAside[];
	/** Whether there is room for values to be laid aside anew. */
	fits(values: readonly LaidAside[]): boolean;
	/** Lays values aside anew, those that rows still refer to. False: there is no room. */
	move(values: readonly LaidAside[]): boolean;
	/** Makes the latest state, or a later one, survive power loss. */
	settle(): void;
	/** Bytes of a file while no commit is under way; undefined when it is gone. */
	sizeOf(file: number): number | undefined;
	/** Values in the first bytes of a file from an offset on, no more than so many. */
	contents(file: FileSize, offset: number, most: number): Contents;
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
	for (const one of files) {
		try {
			yield* sweepingOne(store, one, moving);
		} catch {
			// One that is damaged, or is another user's, does not keep the others.
		}
	}
}

function* sweepingOne(store: Sweepable, { file, isSmall }: ToSweep, moving: boolean): Generator<void, void> {
	const size = store.sizeOf(file);
	if (size === undefined) return;
	const live: LaidAside[] = [];
	for (let at: Contents["next"] = 0; at !== "end"; ) {
		// Nothing is kept open meanwhile.
		const some: Contents = store.contents({ file, size }, at, LOOKED_AT);
		live.push(...store.referred(some.values));
		if (some.next === "damaged") return;
		at = some.next;
		yield;
	}
	if (live.length > 0) {
		// What is moved in part takes room and gives none.
		const isWorthIt = moving && (isSmall || bytesOf(live) < size / 2);
		if (!isWorthIt || !store.fits(live)) return;
	}
	for (const some of inParts(live, MOVED_BYTES)) {
		if (!store.move(some)) return;
		yield;
	}
	// After power loss there must not be rows again that refer to what is removed.
	store.settle();
	store.remove({ file, size });
}

/** Bytes of values. */
export function bytesOf(values: readonly LaidAside[]): number {
	return values.reduce((sum, { place }) => sum + place.length, 0);
}

function* inParts(values: readonly LaidAside[], bytes: number): Generator<LaidAside[]> {
	let part: LaidAside[] = [];
	for (const value of values) {
		part.push(value);
		if (bytesOf(part) < bytes) continue;
		yield part;
		part = [];
	}
	if (part.length > 0) yield part;
}
