import type { Bytes } from "../../common/bytes.js";
import { isWellFormed } from "../../common/utf8.js";
import { optionalBoolean, optionsObject } from "../../common/validate.js";
import { invalid } from "../../errors.js";
import type { Health, HostBatch, HostCommit, HostKv, HostLimits, ScanPage, ScanRange } from "../../host.js";
import { checkBatch } from "../limits.js";
import type { About } from "./birth.js";
import { commitRows } from "./commit.js";
import { Connection } from "./connection.js";
import { isContent } from "./content.js";
import { nameOf, unsupported } from "./errors.js";
import { getRows } from "./get.js";
import { Hints } from "./hints.js";
import { Means } from "./means.js";
import { askToPersist, originFacts } from "./origin.js";
import { scanRows } from "./scan.js";
import { Visits } from "./visits.js";

const LIMITS: HostLimits = Object.freeze({
	maxKeyBytes: 4096,
	maxValueBytes: 16 << 20,
	// Each costs about a tenth of a millisecond on a fast machine, and others wait for the transaction meanwhile.
	maxBatchOps: 10_000,
	// The engine, its frame and the browser each have it in memory once.
	maxBatchBytes: 32 << 20,
	// A row costs far more than its bytes: see docs/hosts.md.
	blockBytes: 1 << 20,
	atomic: "store",
	checks: true,
	consistent: true,
	shared: true,
	compress: false,
});

class IndexedDbHost implements HostKv {
	readonly name = "indexeddb";
	readonly limits = LIMITS;
	readonly #connection: Connection;
	readonly #hints: Hints;
	readonly #visits: Visits;
	readonly #asked: boolean;
	readonly #evicted: boolean;
	readonly #means = new Means();

	constructor(database: string, connection: Connection, { birth, hasContent }: About, asked: boolean) {
		this.#connection = connection;
		this.#hints = new Hints(database);
		this.#visits = new Visits(database, birth);
		this.#asked = asked;
		this.#evicted = this.#visits.anotherWas();
		// What holds nothing yet is remembered with the first write: until then every tab hears of the loss.
		if (hasContent) this.#visits.note();
	}

	async get(keys: readonly Bytes[]): Promise<readonly (Uint8Array | undefined)[]> {
		this.#connection.requireOpen();
		return keys.length === 0 ? [] : this.#connection.run("reading", (db) => getRows(db, keys));
	}

	async scan(range: ScanRange): Promise<ScanPage> {
		return this.#connection.run("reading", (db) => scanRows(db, range, this.#means));
	}

	async commit(batch: HostBatch): Promise<HostCommit> {
		checkBatch(batch, LIMITS);
		const answer = await this.#connection.run("writing", (db) => commitRows(db, batch));
		if (answer.applied && batch.puts.some(({ key }) => isContent(key))) this.#visits.note();
		return answer;
	}

	watch(changed: () => void): () => void {
		this.#connection.requireOpen();
		return this.#hints.watch(changed);
	}

	notify(): void {
		this.#hints.notify();
	}

	async health(): Promise<Partial<Health>> {
		this.#connection.requireOpen();
		const facts = await originFacts();
		const evicted = this.#evicted ? { evicted: true } : {};
		return { ...facts, ...evicted, warnings: this.#warnings(facts.persisted) };
	}

	/** Ends the connection. Further calls are refused with CLOSED. */
	close(): Promise<void> {
		this.#hints.close();
		return this.#connection.close();
	}

	#warnings(persisted: boolean | undefined): string[] {
		const warnings: string[] = [];
		if (this.#evicted) {
			warnings.push("The data that was here at the last visit is gone: the browser or somebody else removed it.");
		}
		if (persisted !== true) {
			const asked = this.#asked ? "; it was asked to keep it, and has not agreed" : "";
			warnings.push(`The browser may remove this data when it needs room or the user clears the site's data${asked}.`);
		}
		if (!this.#visits.supported) {
			warnings.push("There is no localStorage here: data that is removed between two visits is not noticed.");
		}
		if (!Hints.supported) {
			warnings.push("There is no BroadcastChannel here: what other tabs write is found by looking now and then.");
		}
		if (!("durability" in IDBTransaction.prototype)) {
			warnings.push("This browser cannot be told how durable a write must be: strict is not guaranteed.");
		}
		return warnings;
	}
}

/**
 * A host in the browser's IndexedDB, in the database of that name, created if it is missing. Any number of tabs,
 * workers and service workers of one origin may have it open, and all may write. persist (default false): ask the
 * browser to keep the origin's data; whether it does is in health().
 * @throws INVALID_ARGUMENT; UNSUPPORTED where there is no IndexedDB or it is forbidden; CONFLICT when the database is
 * another program's or a later release's; QUOTA_EXCEEDED; UNAVAILABLE.
 */
export async function indexedDbHost(database: string, options?: { persist?: boolean | undefined }): Promise<HostKv> {
	if (typeof database !== "string" || database === "") throw invalid("database", "must be a string that is not empty");
	if (!isWellFormed(database)) throw invalid("database", "must be well-formed UTF-16 (no lone surrogates)");
	const persist = optionalBoolean("persist", optionsObject(options).persist, false);
	const connection = new Connection(factory(), database);
	const about = await connection.open();
	if (persist) askToPersist();
	return new IndexedDbHost(database, connection, about, persist);
}

function factory(): IDBFactory {
	let found: IDBFactory | undefined;
	try {
		found = (globalThis as { indexedDB?: IDBFactory }).indexedDB ?? undefined;
	} catch (error) {
		throw unsupported(`the browser allows no IndexedDB here: ${nameOf(error)}`, error);
	}
	if (found === undefined) {
		throw unsupported('there is no IndexedDB here: it needs a browser; in Node use "@streamkit/node" or memoryHost');
	}
	return found;
}
