import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The folder that a browser keeps its data in. */
export class Profile {
	readonly #given: string | undefined;
	#made: string | undefined;

	/** given: a folder that stays; else one is made, and removed at the end. */
	constructor(given: string | undefined) {
		this.#given = given;
	}

	async folder(): Promise<string> {
		if (this.#given !== undefined) return this.#given;
		this.#made ??= await mkdtemp(join(tmpdir(), "streamkit-browser-"));
		return this.#made;
	}

	async remove(): Promise<void> {
		if (this.#made !== undefined) await rm(this.#made, { recursive: true, force: true, maxRetries: 5 });
	}
}
