import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Namespaces, type OpenOptions, type Store, StreamkitError } from "streamkit";
import { isOurs } from "../directory-layout.js";
import { DEFAULT_NAMESPACE, directoryNameOf, openNamespaces } from "../namespaces.js";
import { openDirectory } from "../open-directory.js";

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
	const stats = statSync(path, { throwIfNoEntry: false });
	return stats === undefined || (stats.isDirectory() && readdirSync(path).length === 0);
}

/** The directory's own store, when that is what a name stands for. */
function isOwnStore(directory: string, name: string | undefined): boolean {
	if (isOurs(directory, "namespaces")) return false;
	return name === undefined || (name === DEFAULT_NAMESPACE && isOurs(directory, "store"));
}

/** Opens the store of a namespace. name: undefined when none was given. */
export async function openPlace(directory: string, name: string | undefined, options: OpenOptions): Promise<Place> {
	if (isOwnStore(directory, name)) {
		const store = await openDirectory(directory, options);
		return { store, close: () => store.close() };
	}
	const namespaces = await openNamespaces(namespacesPath(directory), options);
	try {
		return { store: await namespaces.open(name), close: () => namespaces.close() };
	} catch (error) {
		await namespaces.close();
		throw error;
	}
}

/** @throws NOT_FOUND when there is no such store or namespace. */
export async function requirePlace(directory: string, name: string | undefined): Promise<void> {
	requireDirectory(directory);
	if (isOwnStore(directory, name) || name === undefined) return;
	if (!(await namesIn(directory)).includes(name)) {
		throw new StreamkitError("NOT_FOUND", `there is no namespace "${name}" in ${directory}`, { details: { name } });
	}
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
	const namespaces = await openNamespaces(namespacesPath(directory));
	try {
		return await run(namespaces);
	} finally {
		await namespaces.close();
	}
}

/** The directory of one namespace. */
export function directoryOf(directory: string, name: string): string {
	if (isOwnStore(directory, name)) return directory;
	return join(namespacesPath(directory), directoryNameOf(name));
}
