import { type Bytes, type HostBatch, type HostKv, memoryHost, openStore, type ScanRange } from "streamkit";
import { DIRECTORY_LIMITS } from "../directory/limits.js";

/**
 * The host of a store that is not there yet: its directory is made by the first commit of something to store, so a
 * command that is refused leaves nothing behind. Until then it is an empty store in memory.
 */
export class UnmadeHost implements HostKv {
	readonly name = "directory";
	readonly limits = DIRECTORY_LIMITS;
	readonly #create: () => Promise<HostKv>;
	readonly #memory = memoryHost({ limits: DIRECTORY_LIMITS });
	readonly #watchers = new Set<(host: HostKv) => void>();
	/** What opening the store wrote: who it is. */
	#opening: HostBatch | undefined;
	#making: Promise<HostKv> | undefined;
	#made: HostKv | undefined;
	#commit: HostKv["commit"] = (batch) => {
		if (this.#opening !== undefined) return this.make().then((host) => host.commit(batch));
		// The first rows of all are what opening the store writes.
		this.#opening = batch;
		return this.#memory.commit(batch);
	};

	/** create: makes the directory, and gives the host on it. */
	constructor(create: () => Promise<HostKv>) {
		this.#create = create;
	}

	get(keys: readonly Bytes[]): ReturnType<HostKv["get"]> {
		return (this.#made ?? this.#memory).get(keys);
	}

	scan(range: ScanRange): ReturnType<HostKv["scan"]> {
		return (this.#made ?? this.#memory).scan(range);
	}

	get commit(): HostKv["commit"] {
		return this.#commit;
	}

	watch(changed: () => void): () => void {
		let stop: (() => void) | undefined;
		const begin = (host: HostKv): void => {
			stop = host.watch?.(changed);
		};
		if (this.#made === undefined) this.#watchers.add(begin);
		else begin(this.#made);
		return () => {
			this.#watchers.delete(begin);
			stop?.();
		};
	}

	notify(): void {
		this.#made?.notify?.();
	}

	async close(): Promise<void> {
		await this.#made?.close?.();
	}

	/** Makes the directory and the store in it, or takes the one that another program has made there meanwhile. */
	make(): Promise<HostKv> {
		this.#making ??= this.#make();
		return this.#making;
	}

	async #make(): Promise<HostKv> {
		const host = await this.#create();
		try {
			const answer = this.#opening === undefined ? undefined : await host.commit(this.#opening);
			// Another program was first: whether its store is one of this format, opening it says.
			if (answer?.applied !== true) await (await openStore(host)).close();
		} catch (error) {
			await host.close?.();
			throw error;
		}
		this.#made = host;
		// With what the host's says of itself.
		this.#commit = Object.assign((batch: HostBatch) => host.commit(batch), host.commit);
		for (const begin of this.#watchers) begin(host);
		this.#watchers.clear();
		return host;
	}
}
