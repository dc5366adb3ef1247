import { closeSync, linkSync, mkdtempSync, openSync, rmdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { codeOf } from "../../errors.js";
import { type FileIdentity, identityAt } from "../file-identity.js";
import { DATA_FILE, LOCK_FILE, MARKER_FILE, ownSuffix } from "../file-names.js";
import { identityOf, pathOf } from "../open-file.js";

// O_PATH of Linux: the file can be named, not read. Closing another handle takes LMDB's locks from this process.
const NAMED_ONLY = 0o10000000;
// In memory, where the system has such a place: to make a directory on a disk, and remove it, takes as long as opening.
const IN_MEMORY = "/dev/shm";
const PREFIX = "streamkit-";
// As LMDB makes its files.
const MODE = 0o664;

/**
 * A path by which LMDB opens the files of a directory. The package ends the process where LMDB finds the data and then
 * cannot open the lock, or the data once more. So, where the system can do that, both are made and held beforehand, and
 * the path leads to what is held: nobody who deletes the directory meanwhile is in LMDB's way.
 */
export class WayIn {
	/** What LMDB is to be given. */
	readonly path: string;
	readonly #directory: string;
	readonly #handles = new Map<string, number>();
	#links: string | undefined;

	/** Of a directory in which LMDB's files can be made. */
	constructor(directory: string) {
		this.#directory = directory;
		try {
			this.path = (process.platform === "linux" ? this.#lead() : undefined) ?? directory;
		} catch (error) {
			this.close();
			throw error;
		}
	}

	/** The identity of a file that it leads to. To be asked when LMDB has opened it. */
	identityOf(name: string): FileIdentity | undefined {
		const handle = this.#handles.get(name);
		return handle === undefined ? identityAt(join(this.#directory, name)) : identityOf(handle);
	}

	close(): void {
		if (this.#links !== undefined) {
			for (const name of this.#handles.keys()) rmSync(join(this.#links, name), { force: true });
			rmdirSync(this.#links);
		}
		this.#links = undefined;
		for (const handle of this.#handles.values()) closeSync(handle);
		this.#handles.clear();
	}

	/** A directory of links to the held files; undefined where there can be none. */
	#lead(): string | undefined {
		for (const name of [DATA_FILE, LOCK_FILE]) {
			const handle = heldFile(join(this.#directory, name), this.#directory);
			if (handle === undefined) return this.#letGo();
			this.#handles.set(name, handle);
		}
		try {
			this.#links = temporaryDirectory();
			for (const [name, handle] of this.#handles) {
				const path = pathOf(handle);
				if (path === undefined) return this.#letGo();
				symlinkSync(path, join(this.#links, name));
			}
			return this.#links;
		} catch {
			// There need not be a place for temporary files.
			return this.#letGo();
		}
	}

	#letGo(): undefined {
		this.close();
		return undefined;
	}
}

function temporaryDirectory(): string {
	try {
		return mkdtempSync(join(IN_MEMORY, PREFIX));
	} catch {
		return mkdtempSync(join(tmpdir(), PREFIX));
	}
}

/** A handle of a file, which is made if it is missing; undefined where it can only be made by opening it. */
function heldFile(path: string, directory: string): number | undefined {
	try {
		return openSync(path, NAMED_ONLY);
	} catch (error) {
		if (codeOf(error) !== "ENOENT") throw error;
	}
	// By a link: who opens it as soon as it is there would lose its locks to whoever makes it, and closes it.
	const temporary = join(directory, `${MARKER_FILE}.${ownSuffix()}`);
	closeSync(openSync(temporary, "wx", MODE));
	try {
		linkSync(temporary, path);
	} catch (error) {
		if (codeOf(error) === "ENOENT") throw error;
		// Not every file system has links.
		if (codeOf(error) !== "EEXIST") return undefined;
	} finally {
		rmSync(temporary, { force: true });
	}
	return openSync(path, NAMED_ONLY);
}
