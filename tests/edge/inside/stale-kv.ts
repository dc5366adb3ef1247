// Local emulation shows every write at once. This shows it as the platform may: some reads answer what was there a while
// ago, what was absent included, and lists miss what is new and show what is gone.

import type { KvNamespace } from "./platform.js";

interface Version {
	readonly from: number;
	readonly value: ArrayBuffer | null;
}

/** A namespace that some reads see as it was up to `age` writes ago. */
export class StaleKv implements KvNamespace {
	readonly #inner: KvNamespace;
	readonly #age: number;
	readonly #history = new Map<string, Version[]>();
	#writes = 0;
	#random: number;
	/** How many answers were stale. */
	stale = 0;

	constructor(inner: KvNamespace, seed: number, age: number) {
		this.#inner = inner;
		this.#random = seed;
		this.#age = age;
	}

	/** From here on every view is an older one at times; the writes are those of the one namespace. */
	#moment(): number {
		this.#random = (Math.imul(this.#random, 1664525) + 1013904223) >>> 0;
		const back = (this.#random >>> 8) % (this.#age + 1);
		if (back > 0) this.stale++;
		return this.#writes - back;
	}

	#at(name: string, moment: number): ArrayBuffer | null {
		const versions = this.#history.get(name) ?? [];
		for (let i = versions.length - 1; i >= 0; i--) {
			const version = versions[i] as Version;
			if (version.from <= moment) return version.value;
		}
		return null;
	}

	#note(name: string, value: ArrayBuffer | null): void {
		const versions = this.#history.get(name) ?? [];
		versions.push({ from: ++this.#writes, value });
		this.#history.set(name, versions);
	}

	async get(name: string, _type: "arrayBuffer"): Promise<ArrayBuffer | null> {
		return this.#at(name, this.#moment())?.slice(0) ?? null;
	}

	async put(name: string, value: Uint8Array | string): Promise<void> {
		await this.#inner.put(name, value);
		this.#note(name, await this.#inner.get(name, "arrayBuffer"));
	}

	async delete(name: string): Promise<void> {
		await this.#inner.delete(name);
		this.#note(name, null);
	}

	async list({ prefix = "", limit = 1000, cursor }: { prefix?: string; limit?: number; cursor?: string }) {
		const moment = cursor === undefined ? this.#moment() : Number(cursor.split(" ")[0]);
		const after = cursor?.slice(cursor.indexOf(" ") + 1);
		const names = [...this.#history.keys()]
			.filter((name) => name.startsWith(prefix) && (after === undefined || name > after))
			.filter((name) => this.#at(name, moment) !== null)
			.sort();
		const page = names.slice(0, limit);
		const keys = page.map((name) => ({ name }));
		if (page.length === names.length) return { keys, list_complete: true };
		return { keys, list_complete: false, cursor: `${moment} ${page[page.length - 1]}` };
	}
}
