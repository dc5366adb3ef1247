import { accessSync, constants, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { type HostKv, type Namespaces, type OpenOptions, type Store, StreamkitError } from "streamkit";
import { DirectoryHost } from "../directory/host.js";
import { isOurs, openingFailure, prepareDirectory } from "../directory/layout.js";
import { openDirectory, openOwned } from "../directory/open-directory.js";
import { NamespaceHost } from "../namespaces/namespace-host.js";
import { DEFAULT_NAMESPACE, directoryNameOf, openNamespaces } from "../namespaces/namespaces.js";
import { UnmadeHost } from "./unmade-host.js";

// A directory is a store, or a directory of namespaces. The namespace "default" is what commands work in that name
// none: of a store it is that store, and its other namespaces are in a folder of it.

const FOLDER = "namespaces";

/** An open store, and how to close it and what it stands in. */
export interface Place {
	readonly store: Store;
	close(): Promise<void>;
}

/** Where the namespaces of a directory are, "default" of a store excepted. */
function namespacesPath(directory: string): string {
	return isOurs(directory, "store") ? join(directory, FOLDER) : directory;
}

/** Whether there is nothing at a path yet. */
function isVacant(path: string): boolean {
	try {
		const stats = statSync(path, { throwIfNoEntry: false });
		return stats === undefined || (stats.isDirectory() && readdirSync(path).length === 0);
	} catch (error) {
		throw openingFailure(error, path);
	}
}

/** The directory's own store, when that is what a name stands for. */
function isOwnStore(directory: string, name: string | undefined): boolean {
	if (isOurs(directory, "namespaces")) return false;
	return name === undefined || (name === DEFAULT_NAMESPACE && isOurs(directory, "store"));
}

/**
 * Opens what is at a path that follows from the kind of a directory. Between the look at it and the opening, another
 * program may have made the directory one of the other kind: then the path is another one.
 */
async function openAt<T>(pathOf: () => string, open: (path: string) => Promise<T>): Promise<T> {
	const path = pathOf();
	try {
		return await open(path);
	} catch (error) {
		const now = pathOf();
		if (now === path) throw error;
		return await open(now);
	}
}

/** Opens the store of a namespace. name: undefined when none was given. */
export function openPlace(directory: string, name: string | undefined, options: OpenOptions): Promise<Place> {
	return openAt(
		() => directoryOf(directory, name),
		async (path) => {
			if (path === directory) {
				const store = await openDirectory(directory, options);
				return { store, close: () => store.close() };
			}
			const namespaces = await openNamespaces(dirname(path), options);
			try {
				return { store: await namespaces.open(name), close: () => namespaces.close() };
			} catch (error) {
				await namespaces.close();
				throw error;
			}
		},
	);
}

/**
 * The same for commands that write. Of a store that is not there, nothing is made before the first commit, or until
 * what was to be done is done: a command that is refused leaves nothing behind.
 */
export async function writePlace(
	directory: string,
	name: string | undefined,
	options: OpenOptions,
	run: (store: Store) => Promise<void>,
): Promise<void> {
	if (!canBeMade(directoryOf(directory, name))) {
		await runIn(await openPlace(directory, name, options), run);
		return;
	}
	const host = new UnmadeHost(() => hostIn(directory, name));
	const store = await openOwned(host, options);
	await runIn({ store, close: () => store.close() }, async () => {
		await run(store);
		await host.make();
	});
}

/** Runs with what is open, and closes it. */
export async function runIn(place: Place, run: (store: Store) => Promise<void>): Promise<void> {
	try {
		await run(place.store);
	} catch (error) {
		// The error that ended the command is the one to report.
		await place.close().catch(() => {});
		throw error;
	}
	await place.close();
}

/** The host of a store, whose directory is made where it is missing. */
function hostIn(directory: string, name: string | undefined): Promise<HostKv> {
	return openAt(
		() => directoryOf(directory, name),
		async (path) => {
			if (path === directory) return new DirectoryHost(directory);
			prepareDirectory(dirname(path), "namespaces");
			return new NamespaceHost(path);
		},
	);
}

/** Whether there is nothing at a path, and nothing that is known to stand in the way of a directory there. */
function canBeMade(path: string): boolean {
	try {
		if (!isVacant(path)) return false;
		let above = path;
		while (statSync(above, { throwIfNoEntry: false }) === undefined && above !== dirname(above)) above = dirname(above);
		if (!statSync(above).isDirectory()) return false;
		accessSync(above, constants.R_OK | constants.W_OK | constants.X_OK);
		return true;
	} catch {
		return false;
	}
}

/** @throws NOT_FOUND when there is nothing to read: no such store or namespace, or nothing was ever stored in it. */
export async function requirePlace(directory: string, name: string | undefined): Promise<void> {
	requireDirectory(directory);
	if (isOwnStore(directory, name)) return;
	if (name !== undefined) await requireNamespace(directory, name);
	const path = directoryOf(directory, name);
	if (!isVacant(path)) return;
	// That is "default", which is there before it has a directory: opening it would make one.
	const others = (await namesIn(directory)).filter((other) => other !== DEFAULT_NAMESPACE);
	const advice = others.length === 0 ? "" : `, but there may be in ${otherNamespaces(others)}`;
	const message = `nothing is stored in the namespace "${DEFAULT_NAMESPACE}" of ${directory}${advice}`;
	throw new StreamkitError("NOT_FOUND", message, { details: { path, namespaces: others } });
}

/** @throws NOT_FOUND when there is no such store or namespace. */
export async function requireNamespace(directory: string, name: string): Promise<void> {
	requireDirectory(directory);
	if ((await namesIn(directory)).includes(name)) return;
	throw new StreamkitError("NOT_FOUND", `there is no namespace "${name}" in ${directory}`, { details: { name } });
}

/** Names of namespaces, and how a command is told to work in one of them. */
export function otherNamespaces(names: readonly string[]): string {
	return `${names.length === 1 ? "the namespace" : "the namespaces"} ${names.join(", ")} (-n NAME)`;
}

/** @throws NOT_FOUND when the directory is missing or empty. */
export function requireDirectory(directory: string): void {
	if (!isVacant(directory)) return;
	throw new StreamkitError("NOT_FOUND", `there is no store in ${directory}`, { details: { path: directory } });
}

/** The namespaces of a directory. Creates nothing. */
export async function namesIn(directory: string): Promise<string[]> {
	const path = namespacesPath(directory);
	if (path !== directory && isVacant(path)) return [DEFAULT_NAMESPACE];
	return await withNamespaces(directory, (namespaces) => namespaces.list());
}

/** Runs with the namespaces of a directory, created where there are none. */
export async function withNamespaces<T>(directory: string, run: (namespaces: Namespaces) => Promise<T>): Promise<T> {
	const namespaces = await openAt(() => namespacesPath(directory), openNamespaces);
	try {
		return await run(namespaces);
	} finally {
		await namespaces.close();
	}
}

/** The directory of one namespace. name: undefined for what commands work in that name none. */
export function directoryOf(directory: string, name: string | undefined): string {
	if (isOwnStore(directory, name)) return directory;
	return join(namespacesPath(directory), directoryNameOf(name ?? DEFAULT_NAMESPACE));
}
