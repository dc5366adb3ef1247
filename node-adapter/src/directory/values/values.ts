import type { Change, Put } from "../journal/format.js";
import { MAX_VALUE_BYTES } from "../lmdb/environment.js";
import { checksumOf } from "./checksum.js";
import { ValueFiles } from "./files.js";
import { flushFiles, syncFiles } from "./flush.js";
import { encodeHead } from "./format.js";
import { type Place, placesIn, referenceTo, withRow } from "./reference.js";
import { type FileSize, LARGE_VALUE_BYTES, type ValueFile } from "./value-file.js";

/**
 * Large values beside the database: each is written once, at the end of a file, and a row refers to it. Every process
 * adds to a file of its own, and reads all of them.
 *
 * What is said to be called alone is for who keeps all other writers, of any process, out.
 */
export class Values {
	readonly files: ValueFiles;
	readonly #largestFile: number;
	readonly #fileBytes: number;
	/** What this process adds to, and where the next value goes. */
	#own: FileSize | undefined;
	/** What files were when the write transaction that is under way began to add to them. */
	#begun: FileSize[] = [];

	/** Of a directory of ours. A file is begun anew before it has more than `fileBytes`, but for one commit. */
	constructor(directory: string, largestFile: number, fileBytes: number) {
		this.files = new ValueFiles(directory);
		this.#largestFile = largestFile;
		this.#fileBytes = Math.min(fileBytes, largestFile);
	}

	/** The file that this process adds to, if there is one. */
	get own(): FileSize | undefined {
		return this.#own;
	}

	/**
	 * The rows of puts whose large values are laid aside; undefined, and none is, where they cannot be: the database takes
	 * them, or says why it does not. To be called alone.
	 */
	layAside(puts: readonly Put[]): Put[] | undefined {
		const parts: Uint8Array[] = [];
		const places: (Omit<Place, "file"> | undefined)[] = [];
		let bytes = 0;
		for (const { key, value } of puts) {
			if (value.length < LARGE_VALUE_BYTES) {
				places.push(undefined);
				continue;
			}
			const { head, checksum } = encodeHead(key, value);
			places.push({ offset: bytes + head.length, length: value.length, checksum });
			parts.push(head, value);
			bytes += head.length + value.length;
		}
		const begun = this.#append(parts, bytes);
		if (bytes > 0 && begun === undefined) return undefined;
		return puts.map((put, index) => {
			const place = places[index];
			if (place === undefined || begun === undefined) return withRow(put);
			const { file, size } = begun;
			return { key: put.key, value: referenceTo({ ...place, file, offset: size + place.offset }) };
		});
	}

	/** The values that were laid aside are those of a commit that is there, or may be. */
	keep(): void {
		this.#begun = [];
	}

	/** Takes back what was laid aside since `keep`: nothing refers to it. To be called alone. */
	takeBack(): void {
		for (const begun of this.#begun) this.#cut(begun);
		this.#begun = [];
	}

	#cut(to: FileSize): void {
		const isOwn = this.#own?.file === to.file;
		// It goes on behind what cannot be cut off in another file.
		if (isOwn) this.#own = undefined;
		try {
			this.files.get(to.file).cut(to.size);
			// What is cut off must not be there again below what is added instead: checksums need not tell the two apart.
			syncFiles(this.files, [to.file]);
			if (isOwn) this.#own = to;
		} catch {
			// Nothing refers to what is left.
		}
	}

	/** Nothing is added to the file of this process any more. */
	leaveFile(): void {
		this.#own = undefined;
	}

	/** A value. @throws CORRUPT when it is not there. */
	read(place: Place): Uint8Array<ArrayBuffer> {
		const { file, length } = place;
		if (length > MAX_VALUE_BYTES) throw this.files.damaged(file, "has no value as long as one of them says");
		const value = this.files.get(file).read(place);
		if (value === undefined) throw this.files.damaged(file, "ends too early");
		return value;
	}

	/** A value that was compared. @throws CORRUPT when it is not there, or another. */
	readWhole(place: Place): Uint8Array<ArrayBuffer> {
		const value = this.read(place);
		if (checksumOf(value) !== place.checksum)
			throw this.files.damaged(place.file, "has another value than one of them says");
		return value;
	}

	/** Whether a value is there, as far as its checksum tells. */
	holds(place: Place): boolean {
		return this.files.find(place.file)?.holds(place) ?? false;
	}

	/** Bytes of the values of puts that would be laid aside. */
	bytesBeside(puts: readonly Put[]): number {
		let bytes = 0;
		for (const { value } of puts) if (value.length >= LARGE_VALUE_BYTES) bytes += value.length;
		return bytes;
	}

	/** Brings the values that rows refer to to the disk. @throws where the system could not write some of them. */
	sync(change: Change): void {
		syncFiles(this.files, [...new Set([...placesIn(change)].map(({ file }) => file))]);
	}

	/** The same of all values of files, as far as these are there: to others nothing refers any more. */
	flushNow(numbers: Iterable<number>): void {
		const present = [...numbers].filter((number) => this.files.find(number) !== undefined);
		syncFiles(this.files, present);
	}

	/** The same in the background. Answers the files that could not be opened for it. */
	flushFiles(numbers: readonly number[]): Promise<number[]> {
		return flushFiles(this.files, numbers);
	}

	/** Answers where it begins; undefined, and there is nothing of it, where it cannot be written. */
	#append(parts: readonly Uint8Array[], bytes: number): FileSize | undefined {
		if (bytes === 0 || bytes > this.#largestFile) return undefined;
		let begun: FileSize | undefined;
		try {
			const file = this.#fileFor(bytes);
			begun = this.#own ?? { file: file.number, size: 0 };
			this.#own = begun;
			file.write(parts, bytes, begun.size);
		} catch {
			// Not what the transaction has laid aside before.
			if (begun !== undefined) this.#cut(begun);
			return undefined;
		}
		const { file, size } = begun;
		if (!this.#begun.some((one) => one.file === file)) this.#begun.push(begun);
		this.#own = { file, size: size + bytes };
		return begun;
	}

	/** The file that so many bytes go to: that of this process, or a new one. */
	#fileFor(bytes: number): ValueFile {
		const own = this.#own;
		this.#own = undefined;
		if (own !== undefined && (own.size === 0 || own.size + bytes <= this.#fileBytes)) {
			const file = this.files.find(own.file);
			// Another process removes or empties a file to which no row refers, and marks one that it could not flush.
			if (file?.size === own.size && !this.files.isMarked(own.file) && this.files.stands(file)) {
				this.#own = own;
				return file;
			}
		}
		return this.files.create();
	}
}
