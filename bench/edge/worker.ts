// What runs in workerd: one object per run of a side.

import { openStore, type RecordInput, type Store } from "streamkit";
import { durableObjectHost } from "streamkit/cloudflare";
import { eventText } from "../src/data.js";

export type Side = "ours" | "rows" | "rows50" | "table" | "block";

export interface Answer {
	readonly rowsWritten: number;
	readonly events: number;
}

interface Cursor {
	readonly rowsWritten: number;
	raw(): IterableIterator<(ArrayBuffer | string | number | null)[]>;
	one(): Record<string, unknown>;
}

interface Storage {
	readonly sql: { exec(query: string, ...bindings: unknown[]): Cursor; readonly databaseSize: number };
	transactionSync<T>(work: () => T): T;
	sync(): Promise<void>;
	get: unknown;
	put: unknown;
	list: unknown;
}

interface State {
	readonly storage: Storage;
}

interface Env {
	readonly OBJECTS: {
		idFromName(name: string): unknown;
		get(id: unknown): { fetch(request: Request): Promise<Response> };
	};
}

const utf8 = new TextEncoder();

export class BenchObject {
	readonly #storage: Storage;
	/** The same storage, which counts what its statements wrote. */
	readonly #counting: Storage;
	#rowsWritten = 0;
	#events: Uint8Array[] = [];
	#records: RecordInput[] = [];
	/** The bytes of all events, one behind the other. */
	#block = new Uint8Array(0);
	#store: Store | undefined;

	constructor({ storage }: State) {
		this.#storage = storage;
		const count = (): void => {
			for (const { rowsWritten } of this.#cursors) this.#rowsWritten += rowsWritten;
			this.#cursors.length = 0;
		};
		const exec = (query: string, ...bindings: unknown[]): Cursor => {
			// A cursor counts on while it is read: the last one is looked at when the next begins.
			count();
			const cursor = storage.sql.exec(query, ...bindings);
			this.#cursors.push(cursor);
			return cursor;
		};
		this.#count = count;
		this.#counting = {
			sql: {
				exec,
				get databaseSize() {
					return storage.sql.databaseSize;
				},
			},
			transactionSync: (work) => storage.transactionSync(work),
			sync: () => storage.sync(),
			get: storage.get,
			put: storage.put,
			list: storage.list,
		};
	}

	readonly #cursors: Cursor[] = [];
	readonly #count: () => void;

	async fetch(request: Request): Promise<Response> {
		const [, what, side, number] = new URL(request.url).pathname.split("/").slice(1);
		try {
			this.#rowsWritten = 0;
			let events = 0;
			if (what === "prepare") await this.#prepare(side as Side, Number(number));
			else if (what === "write") await this.#write(side as Side, Number(number));
			else events = await this.#check(side as Side);
			this.#count();
			return Response.json({ rowsWritten: this.#rowsWritten, events });
		} catch (error) {
			return new Response(error instanceof Error ? error.stack : String(error), { status: 500 });
		}
	}

	/** Everything that is not measured: the events, the table, the store. */
	async #prepare(side: Side, count: number): Promise<void> {
		this.#events = Array.from({ length: count }, (_, i) => utf8.encode(eventText(i)));
		this.#records = this.#events.map((payload) => ({ payload }));
		this.#block = new Uint8Array(await new Blob(this.#events as Uint8Array<ArrayBuffer>[]).arrayBuffer());
		if (side === "ours")
			this.#store = await openStore(durableObjectHost(this.#counting), { autoCompact: false, compression: "none" });
		else if (side === "table") {
			this.#storage.sql.exec(
				"CREATE TABLE events (position INTEGER PRIMARY KEY, segment TEXT NOT NULL, sequence INTEGER NOT NULL, payload BLOB NOT NULL, UNIQUE (segment, sequence))",
			);
		} else this.#storage.sql.exec("CREATE TABLE events (sequence INTEGER PRIMARY KEY, payload BLOB NOT NULL)");
	}

	async #write(side: Side, batches: number): Promise<void> {
		const { sql } = this.#counting;
		let sequence = 0;
		for (let batch = 0; batch < batches; batch++) {
			if (side === "ours") {
				await this.#store?.produce("orders", "order-1", this.#records);
				continue;
			}
			this.#storage.transactionSync(() => {
				if (side === "block") {
					sql.exec("INSERT INTO events (sequence, payload) VALUES (?, ?)", ++sequence, this.#block);
					return;
				}
				if (side === "table") {
					for (const event of this.#events)
						sql.exec("INSERT INTO events (segment, sequence, payload) VALUES (?, ?, ?)", "order-1", ++sequence, event);
					return;
				}
				if (side === "rows") {
					for (const event of this.#events)
						sql.exec("INSERT INTO events (sequence, payload) VALUES (?, ?)", ++sequence, event);
					return;
				}
				for (let at = 0; at < this.#events.length; at += 50) {
					const some = this.#events.slice(at, at + 50);
					const places = some.map(() => "(?, ?)").join(", ");
					sql.exec(
						`INSERT INTO events (sequence, payload) VALUES ${places}`,
						...some.flatMap((event) => [++sequence, event]),
					);
				}
			});
			await this.#storage.sync();
		}
	}

	async #check(side: Side): Promise<number> {
		const store = this.#store;
		if (store === undefined) {
			const { rows } = this.#storage.sql.exec("SELECT count(*) AS rows FROM events").one();
			return Number(rows) * (side === "block" ? this.#events.length : 1);
		}
		await store.compact();
		let events = 0;
		for await (const page of store.consumeSegment({ space: "orders", segment: "order-1" }).pages())
			events += page.length;
		return side === "ours" ? events : 0;
	}
}

export default {
	fetch(request: Request, env: Env): Promise<Response> {
		const [object = ""] = new URL(request.url).pathname.split("/").slice(1);
		return env.OBJECTS.get(env.OBJECTS.idFromName(object)).fetch(request);
	},
};
