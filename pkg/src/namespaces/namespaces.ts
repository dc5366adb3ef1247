import { type Bytes, sameBytes } from "../common/bytes.js";
import { decodeUtf8 } from "../common/utf8.js";
import {
	type CheckedOptions,
	checkHost,
	checkOpenOptions,
	checkSignal,
	optionalBoolean,
	optionsObject,
} from "../common/validate.js";
import { closedError, invalid, StreamkitError } from "../errors.js";
import type { HostKv } from "../host.js";
import { hostCall } from "../hosts/answers.js";
import { LexKey } from "../lexkey.js";
import { openStore } from "../store/store.js";
import type { Namespaces, Store } from "../store/types.js";
import type { MaybePromise, OpenOptions } from "../types.js";
import { type CheckedHost, checkedHost } from "./checked-host.js";
import { recordedHost } from "./recorded-host.js";
import { endRemovals, keyAfter, markRows, type Rows, removeRows } from "./rows.js";

// The host of the default store keeps one row for each other namespace: `NSP name` -> its state. The engine's own rows
// start with other words, so no listing shows these.
const DEFAULT = "default";
const LIVE: Bytes = new Uint8Array([1]);
// The first byte of the state of one whose rows are being removed, which is finished before the name is used again. What
// follows tells this deletion from others.
const DELETING = 2;
// The same of one that is deleted if it is empty, while that is looked at. Nothing of it is removed: whoever writes to
// it gives it back, and what a crash leaves like this is there.
const LOOKING = 3;
const DELETION_BYTES = 16;
const PAGE = 500;
// Others take a name or give it back now and then, not without end.
const TRIES = 20;
const NAME = /^[A-Za-z][A-Za-z0-9._-]{0,62}$/;

const ASYNC_DISPOSE: typeof Symbol.asyncDispose =
	Symbol.asyncDispose ?? (Symbol.for("Symbol.asyncDispose") as typeof Symbol.asyncDispose);

function checkNamespace(name: unknown): asserts name is string {
	if (typeof name !== "string" || !NAME.test(name) || name.endsWith("-")) {
		throw invalid("name", 'must be a letter, then up to 62 of A-Z a-z 0-9 . _ -, not ending in "-"');
	}
}

function registryKey(name: string): Bytes {
	return LexKey.encode("NSP", name).bytes;
}

// Nothing was stored: a store need not look whether it was.
const refusal = (name: string, what: string): StreamkitError =>
	new StreamkitError("CONFLICT", `namespace "${name}" ${what}`, { details: { applied: false } });

const changed = (name: string): StreamkitError => refusal(name, "was changed meanwhile");

const beingDeleted = (name: string): StreamkitError => refusal(name, "is being deleted");

function isDeleting(state: Uint8Array | undefined): state is Bytes {
	return state?.[0] === DELETING;
}

function isLooking(state: Uint8Array | undefined): state is Bytes {
	return state?.[0] === LOOKING;
}

/** The deletion that a state is about, as the state while rows are removed. */
function deletionOf(state: Uint8Array | undefined): Bytes | undefined {
	return isDeleting(state) || isLooking(state) ? new Uint8Array([DELETING, ...state.subarray(1)]) : undefined;
}

class HostNamespaces implements Namespaces {
	readonly #hostFor: (name: string) => MaybePromise<HostKv>;
	readonly #options: OpenOptions;
	readonly #checked: CheckedOptions;
	readonly #hosts = new Map<string, Promise<HostKv>>();
	readonly #given = new Set<HostKv>();
	readonly #stores = new Map<string, Set<Store>>();
	/** Stores that are being opened, and of which namespace. */
	readonly #openings = new Map<Promise<Store>, string>();
	/** Names whose rows are being removed here, and how many such removals have ended. */
	readonly #wiping = new Map<string, Promise<void>>();
	#wiped = 0;
	/** Names that are looked at here, whether they are empty: until that is known, or the deletion has begun. */
	readonly #looking = new Map<string, Promise<void>>();
	/** Writes that are under way, and to which namespace. They do not reject. */
	readonly #writes = new Map<Promise<void>, string>();
	/** Names known to be recorded, so that a write asks once. */
	readonly #recorded = new Set<string>([DEFAULT]);
	#closing: Promise<void> | undefined;

	constructor(hostFor: (name: string) => MaybePromise<HostKv>, options: OpenOptions) {
		this.#hostFor = hostFor;
		this.#options = options;
		this.#checked = checkOpenOptions(options);
	}

	/** The host of a name, asked for once. */
	host(name: string): Promise<HostKv> {
		if (this.#closing !== undefined) return Promise.reject(closedError("the namespaces object"));
		let host = this.#hosts.get(name);
		if (host === undefined) {
			host = (async () => {
				const given = await this.#hostFor(name);
				checkHost(given, "hostFor()");
				// Deleting one of the names would remove the rows of the others.
				if (this.#given.has(given)) throw invalid("hostFor()", "must be another host for each name");
				this.#given.add(given);
				return given;
			})();
			this.#hosts.set(name, host);
			// A failure is not kept.
			host.catch(() => this.#hosts.delete(name));
		}
		return host;
	}

	/** The same for calls that are made here. */
	async #caller(name: string): Promise<CheckedHost> {
		return checkedHost(await this.host(name), this.#checked.hostTimeout);
	}

	async #state(name: string): Promise<Bytes | undefined> {
		const registry = await this.#caller(DEFAULT);
		return (await registry.get(registryKey(name))) as Bytes | undefined;
	}

	/** The state of a name, once what was begun of its deletion is finished. */
	async #settled(name: string): Promise<Uint8Array | undefined> {
		for (;;) {
			const wiped = this.#wiped;
			const state = await this.#state(name);
			if (!isDeleting(state)) return state;
			// What was read before a removal ended may be about what is gone: there may be another one of that name by now.
			if (wiped !== this.#wiped) continue;
			await (this.#wiping.get(name) ?? this.#wipe(name, state));
			return undefined;
		}
	}

	/** Moves a name from one state to another; false when it was not in the first. */
	async #move(name: string, from: Bytes | undefined, to: Bytes | undefined): Promise<boolean> {
		const registry = await this.#caller(DEFAULT);
		const key = registryKey(name);
		const answer = await registry.commit({
			checks: registry.limits.checks ? [{ key, value: from }] : [],
			deletes: to === undefined ? [key] : [],
			puts: to === undefined ? [] : [{ key, value: to }],
			durability: this.#checked.durability,
		});
		return answer.applied;
	}

	async #rows(name: string): Promise<Rows> {
		return {
			host: await this.#caller(name),
			durability: this.#checked.durability,
			current: async () => deletionOf(await this.#state(name)),
		};
	}

	/** Gives a free name to a new namespace; false when it was not free. */
	async #begin(name: string): Promise<boolean> {
		await endRemovals(await this.#rows(name));
		return this.#move(name, undefined, LIVE);
	}

	async create(name: string): Promise<void> {
		checkNamespace(name);
		for (let left = TRIES; left > 0; left--) {
			const state = name === DEFAULT ? LIVE : await this.#settled(name);
			if (state !== undefined) {
				throw new StreamkitError("ALREADY_EXISTS", `namespace "${name}" exists already`, { details: { name } });
			}
			if (await this.#begin(name)) return;
		}
		throw changed(name);
	}

	/** Records a name, unless it is being deleted. What others have begun to look at is given back. */
	async #record(name: string): Promise<void> {
		const state = await this.#state(name);
		// A host that answers with what was there before may not know yet.
		if (isDeleting(state) || this.#wiping.has(name)) throw beingDeleted(name);
		if (state === undefined) {
			if (!(await this.#begin(name))) throw changed(name);
		} else if (!(await this.#giveBack(name, state))) throw changed(name);
		this.#recorded.add(name);
	}

	/** Lets a namespace that is not being deleted be written to; false when others changed its state. */
	async #giveBack(name: string, state: Bytes): Promise<boolean> {
		if (isLooking(state) && !(await this.#move(name, state, LIVE))) return false;
		await endRemovals(await this.#rows(name));
		return true;
	}

	/** Writes to a namespace once it is recorded, and not while it is looked at here. */
	async #write<T>(name: string, write: () => MaybePromise<T>): Promise<T> {
		while (this.#looking.has(name)) await this.#looked(name);
		const writing = this.#record(name).then(write);
		this.#underWay(name, writing);
		return writing;
	}

	#underWay(name: string, write: Promise<unknown>): void {
		const ended = write.then(
			() => void this.#writes.delete(ended),
			() => void this.#writes.delete(ended),
		);
		this.#writes.set(ended, name);
	}

	async list(): Promise<string[]> {
		const registry = await this.#caller(DEFAULT);
		const names = [DEFAULT];
		const prefix = LexKey.encode("NSP").bytes;
		let start: Bytes = LexKey.encodeFirst("NSP").bytes;
		const end = new Uint8Array([...prefix, 1]);
		for (;;) {
			const page = await registry.scan({ start, end, limit: PAGE });
			page.keys.forEach((key, i) => {
				if (!isDeleting(page.values[i])) names.push(decodeUtf8(key, prefix.length + 1));
			});
			const last = page.keys[page.keys.length - 1];
			if (!page.more || last === undefined) break;
			start = keyAfter(last);
		}
		return names.sort();
	}

	async delete(name: string, options?: { force?: boolean | undefined }): Promise<void> {
		checkNamespace(name);
		const force = optionalBoolean("force", optionsObject(options).force, false);
		if (name === DEFAULT) throw invalid("name", '"default" cannot be deleted');
		for (let left = TRIES; left > 0; left--) {
			await this.#looked(name);
			const state = await this.#state(name);
			if (state === undefined) throw new StreamkitError("NOT_FOUND", `namespace "${name}" does not exist`);
			if (isDeleting(state)) {
				await this.#settled(name);
				return;
			}
			const deletion =
				deletionOf(state) ?? new Uint8Array([DELETING, ...crypto.getRandomValues(new Uint8Array(DELETION_BYTES))]);
			if (!force) {
				if (await this.#deleteEmpty(name, state, deletion)) return;
			} else if (await this.#move(name, state, deletion)) {
				await this.#wipe(name, deletion);
				return;
			}
		}
		throw changed(name);
	}

	/** Deletes a namespace that is empty; false when others changed its state. */
	async #deleteEmpty(name: string, state: Bytes, deletion: Bytes): Promise<boolean> {
		// What holds something is mostly found to before anybody is held up.
		await this.#requireEmpty(name);
		if (this.#looking.has(name)) return false;
		let wiping: Promise<void> | undefined;
		const look = async (): Promise<void> => {
			if (await this.#look(name, state, deletion)) wiping = this.#wipe(name, deletion);
		};
		const looking = look().finally(() => this.#looking.delete(name));
		this.#looking.set(name, looking);
		await looking;
		await wiping;
		return wiping !== undefined;
	}

	/** Begins a deletion while nothing is written, if the namespace is empty; false when others changed its state. */
	async #look(name: string, state: Bytes, deletion: Bytes): Promise<boolean> {
		const writes = [...this.#writes].filter(([, to]) => to === name).map(([write]) => write);
		await hostCall(await this.host(name), "commit", this.#checked.hostTimeout, () => Promise.all(writes));
		this.#recorded.delete(name);
		const { checks } = (await this.#caller(DEFAULT)).limits;
		// Without checks there is nobody else to tell.
		const looking = checks ? new Uint8Array([LOOKING, ...deletion.subarray(1)]) : LIVE;
		if (!sameBytes(state, looking) && !(await this.#move(name, state, looking))) return false;
		let isEmpty = false;
		try {
			if (checks && !(await markRows({ ...(await this.#rows(name)), id: deletion }))) return false;
			await this.#requireEmpty(name);
			isEmpty = true;
		} finally {
			if (!isEmpty) await this.#giveBack(name, looking);
		}
		return this.#move(name, looking, deletion);
	}

	/** Waits for a look at a name that is under way here. */
	async #looked(name: string): Promise<void> {
		await this.#looking.get(name)?.catch(() => {});
	}

	async #requireEmpty(name: string): Promise<void> {
		if (!(await this.#holdsAnything(name))) return;
		throw new StreamkitError("NOT_EMPTY", `namespace "${name}" is not empty: only force deletes it`);
	}

	async #holdsAnything(name: string): Promise<boolean> {
		const store = await openStore(await this.host(name), this.#options);
		try {
			for await (const _ of store.getSpaces({ limit: 1 })) return true;
			// A stream that was created and has no records yet is no space that is listed.
			return (await store.streams.list({ limit: 1 })).length > 0;
		} finally {
			await store.close();
		}
	}

	/** Removes a namespace's rows, after a removal that is under way. */
	#wipe(name: string, deletion: Bytes): Promise<void> {
		const before = this.#wiping.get(name) ?? Promise.resolve();
		const remove = (): Promise<void> => this.#remove(name, deletion);
		const wiping = before.then(remove, remove).finally(() => {
			this.#wiped++;
			if (this.#wiping.get(name) === wiping) this.#wiping.delete(name);
		});
		this.#wiping.set(name, wiping);
		return wiping;
	}

	/** Removes every row of a namespace's host, then the name. Its stores that are open here are closed first. */
	async #remove(name: string, id: Bytes): Promise<void> {
		this.#recorded.delete(name);
		await this.#opened(name);
		await Promise.all([...(this.#stores.get(name) ?? [])].map((store) => store.close()));
		const rows = await this.#rows(name);
		if (!(await removeRows({ ...rows, id }))) return;
		if (await this.#move(name, id, undefined)) await endRemovals(rows);
	}

	async open(name: string = DEFAULT): Promise<Store> {
		checkNamespace(name);
		const host = await this.host(name);
		if (name !== DEFAULT) {
			// Another one may have deleted it since it was recorded here, or have begun to look at it.
			if (!sameBytes(await this.#settled(name), LIVE)) this.#recorded.delete(name);
		}
		const recorded = recordedHost(host, {
			isRecorded: () => this.#recorded.has(name) && !this.#looking.has(name),
			record: (commit) => this.#write(name, commit),
			underWay: (commit) => this.#underWay(name, commit),
			refused: () => {
				this.#recorded.delete(name);
				return beingDeleted(name);
			},
		});
		if (this.#closing !== undefined) throw closedError("the namespaces object");
		const opening = openStore(name === DEFAULT ? host : recorded, this.#options).then((store) =>
			this.#keep(name, store),
		);
		this.#openings.set(opening, name);
		try {
			return await opening;
		} finally {
			this.#openings.delete(opening);
		}
	}

	/** Remembers a store until it is closed. */
	#keep(name: string, store: Store): Store {
		let open = this.#stores.get(name);
		if (open === undefined) {
			open = new Set();
			this.#stores.set(name, open);
		}
		const stores = open;
		stores.add(store);
		const close = store.close.bind(store);
		store.close = async () => {
			stores.delete(store);
			await close();
		};
		return store;
	}

	/** Waits for stores that are being opened: all, or those of one namespace. */
	async #opened(name?: string): Promise<void> {
		const openings = [...this.#openings].filter(([, of]) => name === undefined || of === name);
		await Promise.allSettled(openings.map(([opening]) => opening));
	}

	close(): Promise<void> {
		this.#closing ??= this.#close();
		return this.#closing;
	}

	async #close(): Promise<void> {
		await this.#opened();
		const hosts = [...this.#hosts.values()];
		const stores = [...this.#stores.values()].flatMap((open) => [...open]);
		const results = await Promise.allSettled(stores.map((store) => store.close()));
		for (const opening of hosts) {
			const host = await opening.catch(() => undefined);
			// They were made for this object by the function it was given.
			if (host !== undefined) results.push(...(await Promise.allSettled([(async () => host.close?.())()])));
		}
		for (const result of results) if (result.status === "rejected") throw result.reason;
	}

	[ASYNC_DISPOSE](): Promise<void> {
		return this.close();
	}
}

/**
 * Named stores. The function gives the host for a name (one not seen before included), another one for each; it is
 * asked once per name, and its hosts are closed by close(). Which names exist is recorded in the host of "default".
 * Deleting removes every row of the namespace's host, so that host must hold nothing else; instances of it that are
 * open elsewhere must be closed. A host that is over (its database was deleted elsewhere) stays the one of its name
 * until all is opened anew.
 * @throws INVALID_ARGUMENT for options or a host that break their rules.
 */
export async function openNamespaces(
	hostFor: (name: string) => MaybePromise<HostKv>,
	options?: OpenOptions,
): Promise<Namespaces> {
	if (typeof hostFor !== "function") throw invalid("hostFor", "must be a function");
	const checked = checkOpenOptions(options);
	checkSignal(options?.signal);
	if (checked.storeId !== undefined) throw invalid("storeId", "cannot be one for several stores");
	const namespaces = new HostNamespaces(hostFor, { ...options, signal: undefined });
	await namespaces.host(DEFAULT);
	return namespaces;
}
