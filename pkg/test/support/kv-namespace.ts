/** A Workers KV namespace in memory, with what counts about it: lists go upwards from the start of a prefix, in pages. */
export class FakeKv {
	readonly rows = new Map<string, Uint8Array<ArrayBuffer>>();
	readonly log: string[] = [];
	lists = 0;
	/** Called before every call; throws to make it fail. */
	before: (call: string, name: string) => void = () => {};
	#sorted: string[] | undefined;

	#begin(call: string, name: string): void {
		this.log.push(`${call} ${name}`);
		this.before(call, name);
	}

	async get(name: string, type: "arrayBuffer"): Promise<ArrayBuffer | null> {
		if (type !== "arrayBuffer") throw new Error(`a get of type ${type}`);
		this.#begin("get", name);
		return this.rows.get(name)?.slice().buffer ?? null;
	}

	async put(name: string, value: Uint8Array): Promise<void> {
		this.#begin("put", name);
		if (new TextEncoder().encode(name).length > 512) throw new Error("KV PUT failed: 414");
		this.rows.set(name, new Uint8Array(value));
		this.#sorted = undefined;
	}

	async delete(name: string): Promise<void> {
		this.#begin("delete", name);
		this.rows.delete(name);
		this.#sorted = undefined;
	}

	async list({ prefix, limit, cursor }: { prefix: string; limit: number; cursor?: string }) {
		this.lists++;
		this.#begin("list", prefix);
		this.#sorted ??= [...this.rows.keys()].sort();
		const names = this.#sorted.filter((name) => name.startsWith(prefix) && (cursor === undefined || name > cursor));
		const keys = names.slice(0, limit).map((name) => ({ name }));
		const last = keys[keys.length - 1]?.name;
		if (keys.length === names.length || last === undefined) return { keys, list_complete: true };
		return { keys, list_complete: false, cursor: last };
	}
}
