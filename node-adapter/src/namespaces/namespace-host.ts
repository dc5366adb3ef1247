import { closeSync, existsSync, fsyncSync, openSync } from "node:fs";
import { join } from "node:path";
import type { Bytes, Health, HostBatch, HostCommit, HostKv, ScanPage, ScanRange } from "streamkit";
import { CREATED_FILE } from "../directory/file-names.js";
import { DirectoryHost } from "../directory/host.js";
import { syncDirectory } from "../directory/layout.js";
import { DIRECTORY_LIMITS } from "../directory/limits.js";
import { codeOf, failure } from "../errors.js";

/** Whether the namespace in a directory was created, or written to. Opening it alone makes the directory only. */
export function isCreated(directory: string): boolean {
	return existsSync(join(directory, CREATED_FILE));
}

/** Says that the namespace in a directory is there. Answers false if that was said before. */
export function markCreated(directory: string): boolean {
	let handle: number;
	try {
		handle = openSync(join(directory, CREATED_FILE), "wx");
	} catch (error) {
		if (codeOf(error) === "EEXIST") return false;
		throw error;
	}
	try {
		fsyncSync(handle);
	} finally {
		closeSync(handle);
	}
	syncDirectory(directory);
	return true;
}

/** A directory host that marks its namespace as created when it is first written to. */
export class NamespaceHost implements HostKv {
	readonly name = "directory";
	readonly limits = DIRECTORY_LIMITS;
	readonly #path: string;
	readonly #host: DirectoryHost;
	#created: boolean;

	static {
		Object.assign(NamespaceHost.prototype.commit, { borrows: true });
	}

	constructor(path: string) {
		this.#path = path;
		this.#host = new DirectoryHost(path);
		this.#created = isCreated(path);
	}

	get(keys: readonly Bytes[]): readonly (Bytes | undefined)[] {
		return this.#host.get(keys);
	}

	scan(range: ScanRange): ScanPage {
		return this.#host.scan(range);
	}

	commit(batch: HostBatch): HostCommit | Promise<HostCommit> {
		if (!this.#created) this.#create();
		return this.#host.commit(batch);
	}

	watch(changed: () => void): () => void {
		return this.#host.watch(changed);
	}

	notify(): void {
		this.#host.notify();
	}

	health(): Partial<Health> {
		return this.#host.health();
	}

	version(): string {
		return this.#host.version();
	}

	runAt(version: string, run: () => void): boolean {
		return this.#host.runAt(version, run);
	}

	close(): Promise<void> {
		return this.#host.close();
	}

	#create(): void {
		// The first rows of all are what opening the store writes.
		const { keys } = this.#host.scan({
			start: new Uint8Array([0]),
			end: new Uint8Array([255]),
			limit: 1,
			keysOnly: true,
		});
		if (keys.length === 0) return;
		try {
			// What has taken the place of a namespace that was deleted is not created by this.
			this.#host.runInPlace(() => markCreated(this.#path));
		} catch (error) {
			throw failure(error, this.#path, false, "writing to");
		}
		this.#created = true;
	}
}
