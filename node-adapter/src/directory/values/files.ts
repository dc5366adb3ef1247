import { closeSync, existsSync, mkdirSync, openSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { StreamkitError } from "streamkit";
import { codeOf } from "../../errors.js";
import { standsAt } from "../file-identity.js";
import { VALUES_DIRECTORY } from "../file-names.js";
import { syncDirectory } from "../layout.js";
import { type FileSize, ValueFile } from "./value-file.js";

// Open at once to be read.
const OPEN_FILES = 8;

/**
 * The files of values in a directory, by their numbers, and those of them that are open here. What is said to be called
 * alone is for who keeps all other writers, of any process, out.
 */
export class ValueFiles {
	readonly #directory: string;
	readonly #path: string;
	/** Most recently used last. */
	readonly #open = new Map<number, ValueFile>();
	/** Whose names are on the disk, as far as this process knows. */
	readonly #named = new Set<number>();

	/** Of a directory of ours. */
	constructor(directory: string) {
		this.#directory = directory;
		this.#path = join(directory, VALUES_DIRECTORY);
	}

	/** The numbers of all files, in order. */
	numbers(): number[] {
		let names: string[];
		try {
			names = readdirSync(this.#path);
		} catch (error) {
			if (codeOf(error) === "ENOENT") return [];
			throw error;
		}
		return names
			.filter((name) => /^[1-9][0-9]*$/.test(name))
			.map(Number)
			.sort((a, b) => a - b);
	}

	/** All files, in the order of their numbers. */
	sizes(): FileSize[] {
		return this.numbers().flatMap((file) => {
			const size = statSync(this.pathOf(file), { throwIfNoEntry: false })?.size;
			return size === undefined ? [] : [{ file, size }];
		});
	}

	/** An open file. @throws CORRUPT when it is not there. */
	get(number: number): ValueFile {
		const file = this.find(number);
		if (file === undefined) throw this.damaged(number, "is missing");
		return file;
	}

	/** An open file; undefined when it is not there. */
	find(number: number): ValueFile | undefined {
		let file = this.#open.get(number);
		if (file === undefined) {
			this.#closeSome();
			try {
				file = new ValueFile(this.pathOf(number), number, false);
			} catch (error) {
				if (codeOf(error) === "ENOENT") return undefined;
				throw error;
			}
		}
		// As the one that was used last.
		this.#open.delete(number);
		this.#open.set(number, file);
		return file;
	}

	/** Makes a file whose number is the next one. To be called alone. */
	create(): ValueFile {
		const last = this.numbers().at(-1);
		if (last === undefined) this.#makeDirectory();
		const number = (last ?? 0) + 1;
		this.#closeSome();
		rmSync(this.#markOf(number), { force: true });
		const file = new ValueFile(this.pathOf(number), number, true);
		this.#open.set(number, file);
		return file;
	}

	/** Whether an open file is the one that others open by its number. */
	stands({ number, identity }: ValueFile): boolean {
		return standsAt(this.pathOf(number), identity);
	}

	/**
	 * Removes a file to which no row refers, if nothing was added to it since it was so long. Of the last one the name
	 * stays, so that no number is ever given again: others may have it open. To be called alone.
	 */
	remove({ file: number, size }: FileSize): void {
		const file = this.find(number);
		if (file === undefined || file.size !== size || !this.stands(file)) return;
		file.empty();
		if (number === this.numbers().at(-1)) return;
		this.#open.delete(number);
		file.close();
		rmSync(this.#markOf(number), { force: true });
		rmSync(this.pathOf(number), { force: true });
	}

	/** Says to all processes that a file could not be brought to the disk: the system does not tell it twice. */
	mark(number: number): void {
		try {
			closeSync(openSync(this.#markOf(number), "a"));
		} catch {
			// It is this process that knows.
		}
	}

	/** Whether a process has said so. */
	isMarked(number: number): boolean {
		return existsSync(this.#markOf(number));
	}

	/** Brings the names of files to the disk. */
	syncNames(files: readonly number[]): void {
		if (files.every((file) => this.#named.has(file))) return;
		try {
			syncDirectory(this.#path);
		} catch (error) {
			// Whoever has a store open that was deleted is told so by others.
			if (codeOf(error) !== "ENOENT") throw error;
			return;
		}
		for (const file of files) this.#named.add(file);
	}

	/** Closes all files. */
	close(): void {
		for (const file of this.#open.values()) file.close();
		this.#open.clear();
	}

	pathOf(number: number): string {
		return join(this.#path, String(number));
	}

	/** CORRUPT: rows refer to what a file does not have. */
	damaged(number: number, what: string): StreamkitError {
		const path = this.pathOf(number);
		return new StreamkitError("CORRUPT", `${path}, which rows refer to, ${what}`, { details: { key: path } });
	}

	#makeDirectory(): void {
		try {
			// Not what is above it: a store that was deleted stays so.
			mkdirSync(this.#path);
		} catch (error) {
			if (codeOf(error) !== "EEXIST") throw error;
		}
		syncDirectory(this.#directory);
	}

	/** Closes those that were removed, and of too many the one not used for longest. */
	#closeSome(): void {
		for (const [number, file] of this.#open) {
			if (this.#open.size < OPEN_FILES && !file.isRemoved()) continue;
			this.#open.delete(number);
			file.close();
		}
	}

	#markOf(number: number): string {
		return `${this.pathOf(number)}.unflushed`;
	}
}
