import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

/** Fresh folders below one, all on the same file system, and gone at the end. */
export class Folders {
	readonly #root: string;
	#count = 0;

	constructor(below: string) {
		mkdirSync(below, { recursive: true });
		this.#root = mkdtempSync(join(below, "bench-"));
		process.on("exit", () => this.remove(this.#root));
		// Without a listener of one's own a signal ends the process at once, and what may be gigabytes stays.
		for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
	}

	/** A new, empty folder. */
	fresh(): string {
		const folder = join(this.#root, String(this.#count++));
		mkdirSync(folder);
		return folder;
	}

	/** Waits until what others wrote before is on the disk, so that nobody's flush has to carry it. */
	settle(folder: string): void {
		if (spawnSync("sync", ["-f", folder], { stdio: "ignore" }).status !== 0) spawnSync("sync", { stdio: "ignore" });
	}

	remove(folder: string): void {
		rmSync(folder, { recursive: true, force: true });
	}
}

/** The bytes that the files below a folder take on the disk. */
export function diskBytes(folder: string): number {
	let bytes = 0;
	for (const entry of readdirSync(folder, { withFileTypes: true })) {
		const path = join(folder, entry.name);
		if (entry.isDirectory()) bytes += diskBytes(path);
		else if (entry.isFile()) bytes += statSync(path).blocks * 512;
	}
	return bytes;
}
