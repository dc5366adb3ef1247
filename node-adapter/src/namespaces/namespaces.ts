import { readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { checkOptions, type Namespaces, type OpenOptions, type Store, StreamkitError } from "streamkit";
import { ownSuffix } from "../directory/file-names.js";
import { isOurs, prepareDirectory, syncDirectory } from "../directory/layout.js";
import { openOwned } from "../directory/open-directory.js";
import { failure, wrong } from "../errors.js";
import { isCreated, markCreated, NamespaceHost } from "./namespace-host.js";

/** The namespace that is always there. */
export const DEFAULT_NAMESPACE = "default";
const RULE = 'a letter, then up to 62 letters, digits, ".", "_" or "-", not ending in "-"';

// Before the names: those that some file systems reserve, such as "con", are then no names of files.
const PREFIX = "ns-";
// Of what was empty when it got that name, or is deleted by force.
const DELETED_PREFIX = ".deleted-";
// Windows renames no directory of which a file is open, here or elsewhere.
const RENAMES_CLOSED = process.platform === "win32";
// Others commit while it is looked whether there is anything now and then, not without end.
const TRIES = 20;

/**
 * Named stores, each in a directory of its own below one. The default durability is "strict". Stores that are still
 * open are closed with it.
 *
 * @throws INVALID_ARGUMENT when the path is a file, or a directory that holds something else, or for options that break
 * their rules; UNAVAILABLE when it may not be written.
 */
export async function openNamespaces(path: string, options: OpenOptions = {}): Promise<Namespaces> {
	checkOptions(options);
	// The signal is about this call, not about the stores that are opened later.
	const { signal: _, storeId, ...each } = options;
	if (storeId !== undefined) throw wrong("storeId", "cannot be one for several stores");
	return new DirectoryNamespaces(prepareDirectory(path, "namespaces"), each);
}

/** The name of a namespace's directory: the same on file systems that ignore case or a dot at the end. */
export function directoryNameOf(name: string): string {
	const lower = name.replace(/[A-Z]/g, (letter) => `+${letter.toLowerCase()}`);
	return PREFIX + (lower.endsWith(".") ? `${lower.slice(0, -1)}=` : lower);
}

/** The namespace a directory's name stands for, if it is one. */
export function namespaceOf(directoryName: string): string | undefined {
	if (!directoryName.startsWith(PREFIX)) return undefined;
	const name = directoryName
		.slice(PREFIX.length)
		.replace(/=$/, ".")
		.replace(/\+([a-z])/g, (_, letter: string) => letter.toUpperCase());
	return isName(name) && directoryNameOf(name) === directoryName ? name : undefined;
}

/** The refusal to create a namespace that is there. */
export function existsAlready(name: string): StreamkitError {
	return new StreamkitError("ALREADY_EXISTS", `namespace "${name}" exists already`, { details: { name } });
}

/** @throws INVALID_ARGUMENT when it is no name of a namespace. */
export function checkNamespaceName(argument: string, name: unknown): asserts name is string {
	if (typeof name !== "string" || !isName(name)) {
		throw wrong(argument, `must be ${RULE}`);
	}
}

class DirectoryNamespaces implements Namespaces {
	readonly #directory: string;
	readonly #options: OpenOptions;
	readonly #open = new Map<Store, string>();
	#closing: Promise<void> | undefined;

	constructor(directory: string, options: OpenOptions) {
		this.#directory = directory;
		this.#options = options;
		this.#clearDeleted();
	}

	async create(name: string): Promise<void> {
		this.#requireOpen();
		const path = this.#pathOf(name);
		try {
			if (name !== DEFAULT_NAMESPACE && markCreated(prepareDirectory(path, "store"))) {
				syncDirectory(this.#directory);
				return;
			}
		} catch (error) {
			throw failure(error, path, false, "creating");
		}
		throw existsAlready(name);
	}

	async list(): Promise<string[]> {
		this.#requireOpen();
		try {
			const names = readdirSync(this.#directory)
				.filter((entry) => this.#exists(join(this.#directory, entry)))
				.map(namespaceOf)
				.filter((name) => name !== undefined && name !== DEFAULT_NAMESPACE);
			return [DEFAULT_NAMESPACE, ...names].sort() as string[];
		} catch (error) {
			throw failure(error, this.#directory, false, "listing");
		}
	}

	async delete(name: string, options: { force?: boolean | undefined } = {}): Promise<void> {
		this.#requireOpen();
		const path = this.#pathOf(name);
		if (typeof options !== "object" || options === null) throw wrong("options", "must be an object");
		const { force = false } = options;
		if (typeof force !== "boolean") throw wrong("force", "must be true or false");
		if (name === DEFAULT_NAMESPACE) {
			throw wrong("name", `the namespace "${DEFAULT_NAMESPACE}" cannot be deleted`);
		}
		if (!this.#exists(path)) throw missing(name);
		const deleted = join(this.#directory, `${DELETED_PREFIX}${ownSuffix()}`);
		try {
			if (force) {
				await this.#closeStores(name);
				renameSync(path, deleted);
			} else await this.#renameEmpty(name, path, deleted);
		} catch (error) {
			// Another one that deletes it was faster.
			if (!this.#exists(path)) throw missing(name);
			throw failure(error, path, false, "deleting");
		}
		try {
			syncDirectory(this.#directory);
			await this.#closeStores(name);
			rmSync(deleted, { recursive: true, force: true });
		} catch (error) {
			throw failure(error, path, "unknown", "deleting");
		}
	}

	async open(name: string = DEFAULT_NAMESPACE): Promise<Store> {
		this.#requireOpen();
		const host = new NamespaceHost(this.#pathOf(name));
		const store: Store = await openOwned(host, this.#options, () => this.#open.delete(store));
		if (this.#closing !== undefined) {
			await store.close();
			this.#requireOpen();
		}
		this.#open.set(store, name);
		return store;
	}

	close(): Promise<void> {
		this.#closing ??= Promise.all([...this.#open.keys()].map((store) => store.close())).then(() => {});
		return this.#closing;
	}

	[Symbol.asyncDispose](): Promise<void> {
		return this.close();
	}

	#pathOf(name: string): string {
		checkNamespaceName("name", name);
		return join(this.#directory, directoryNameOf(name));
	}

	#exists(path: string): boolean {
		return isCreated(path) && isOurs(path, "store");
	}

	async #closeStores(name: string): Promise<void> {
		await Promise.all([...this.#open].filter(([, opened]) => opened === name).map(([store]) => store.close()));
	}

	/**
	 * Renames a namespace's directory in a state in which it is empty: whoever has it open and commits before that is
	 * seen here, and is refused after it, since the files stand where they stood no more.
	 */
	async #renameEmpty(name: string, path: string, renamed: string): Promise<void> {
		const rename = (): void => {
			// Opening what another one has deleted since makes a directory that is no namespace.
			if (!this.#exists(path)) throw missing(name);
			renameSync(path, renamed);
		};
		const host = new NamespaceHost(path);
		const store = await openOwned(host, { autoCompact: false, retentionInterval: 0 });
		try {
			for (let left = TRIES; ; left--) {
				const version = host.version();
				if (!(await isEmpty(store))) {
					throw new StreamkitError("NOT_EMPTY", `namespace "${name}" is not empty: only force deletes it`, {
						details: { name },
					});
				}
				if (RENAMES_CLOSED) await this.#closeStores(name);
				if (host.runAt(version, RENAMES_CLOSED ? () => {} : rename)) break;
				if (left === 0) {
					throw new StreamkitError("CONFLICT", `namespace "${name}" was changed meanwhile`, { details: { name } });
				}
			}
		} finally {
			// It was looked into only, and may have another name by now.
			await store.close().catch(() => {});
		}
		if (RENAMES_CLOSED) rename();
	}

	#requireOpen(): void {
		if (this.#closing !== undefined) {
			throw new StreamkitError("CLOSED", `the namespaces in ${this.#directory} are closed`);
		}
	}

	/** Goes on with deletions that a crash interrupted. */
	#clearDeleted(): void {
		try {
			for (const entry of readdirSync(this.#directory)) {
				if (entry.startsWith(DELETED_PREFIX)) rmSync(join(this.#directory, entry), { recursive: true, force: true });
			}
		} catch {
			// They are in nobody's way.
		}
	}
}

async function isEmpty(store: Store): Promise<boolean> {
	for await (const _ of store.getSpaces({ limit: 1 })) return false;
	// A stream that was created and has no records yet is no space that is listed.
	return (await store.streams.list({ limit: 1 })).length === 0;
}

function missing(name: string): StreamkitError {
	return new StreamkitError("NOT_FOUND", `there is no namespace "${name}"`, { details: { name } });
}

function isName(name: string): boolean {
	return /^[A-Za-z][A-Za-z0-9._-]{0,62}$/.test(name) && !name.endsWith("-");
}
