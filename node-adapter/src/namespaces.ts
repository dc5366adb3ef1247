import { readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { checkOptions, type Namespaces, type OpenOptions, type Store, StreamkitError } from "streamkit";
import { isOurs, ownSuffix, prepareDirectory, syncDirectory } from "./directory-layout.js";
import { failure, wrong } from "./errors.js";
import { isCreated, markCreated, NamespaceHost } from "./namespace-host.js";
import { openOwned } from "./open-directory.js";

/** The namespace that is always there. */
export const DEFAULT_NAMESPACE = "default";
const RULE = 'a letter, then up to 62 letters, digits, ".", "_" or "-", not ending in "-"';

// Before the names: those that some file systems reserve, such as "con", are then no names of files.
const PREFIX = "ns-";
const DELETED_PREFIX = ".deleted-";

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
		if (!this.#exists(path)) {
			throw new StreamkitError("NOT_FOUND", `there is no namespace "${name}"`, { details: { name } });
		}
		if (!force && !(await this.#isEmpty(path))) {
			throw new StreamkitError("NOT_EMPTY", `namespace "${name}" is not empty: only force deletes it`, {
				details: { name },
			});
		}
		await Promise.all([...this.#open].filter(([, opened]) => opened === name).map(([store]) => store.close()));
		const deleted = join(this.#directory, `${DELETED_PREFIX}${ownSuffix()}`);
		try {
			renameSync(path, deleted);
			syncDirectory(this.#directory);
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

	async #isEmpty(path: string): Promise<boolean> {
		const store = await openOwned(new NamespaceHost(path), { autoCompact: false, retentionInterval: 0 });
		try {
			for await (const _ of store.getSpaces({ limit: 1 })) return false;
			// A stream that was created and has no records yet is no space that is listed.
			return (await store.streams.list({ limit: 1 })).length === 0;
		} finally {
			await store.close();
		}
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

function isName(name: string): boolean {
	return /^[A-Za-z][A-Za-z0-9._-]{0,62}$/.test(name) && !name.endsWith("-");
}
