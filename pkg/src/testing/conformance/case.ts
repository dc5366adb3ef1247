import { borrows, type HostKv } from "../../host.js";
import { isPromise } from "../../hosts/answers.js";
import { openStore } from "../../store/store.js";
import type { Store } from "../../store/types.js";
import type { MaybePromise, OpenOptions } from "../../types.js";

/** Makes the hosts under test. */
export interface ConformanceFactory {
	/** A fresh, empty host. */
	open(): Promise<HostKv>;
	/** The same data again, after the last host was closed. */
	reopen?: (() => Promise<HostKv>) | undefined;
	/** Another instance on the data that is open. */
	second?: (() => Promise<HostKv>) | undefined;
}

/** How long a call of a host, or of the factory, may take: as long as stores give it. */
const ANSWER_MS = 30_000;

/** Of a call that gave nothing in time. */
export class Unanswered extends Error {}

/** What a call gives, if that comes in time. */
async function inTime<T>(call: string, answer: PromiseLike<T>): Promise<T> {
	let timer: ReturnType<typeof setTimeout> | undefined;
	const late = new Promise<never>((_, reject) => {
		const expire = (): void => reject(new Unanswered(`${call} is not answered within ${ANSWER_MS / 1000} s`));
		timer = setTimeout(expire, ANSWER_MS);
	});
	try {
		return await Promise.race([answer, late]);
	} finally {
		clearTimeout(timer);
	}
}

/** The host that the factory makes. */
export async function made(call: string, making: Promise<HostKv> | undefined): Promise<HostKv> {
	const host = await inTime(`factory.${call}`, Promise.resolve(making));
	if (typeof host !== "object" || host === null) throw new Error(`factory.${call} gave no host`);
	return host;
}

/** A host all of whose calls end: one that never answers fails the case that asked, by name, and not the whole run. */
function ending(host: HostKv): HostKv {
	const call =
		<A extends unknown[], T>(name: string, method: (...args: A) => MaybePromise<T>) =>
		(...args: A): MaybePromise<T> => {
			const answer = method.apply(host, args);
			return isPromise(answer) ? inTime(name, answer) : answer;
		};
	const { watch, notify, close } = host;
	const commit = call("commit", host.commit);
	return {
		get name() {
			return host.name;
		},
		get limits() {
			return host.limits;
		},
		get: call("get", host.get),
		scan: call("scan", host.scan),
		commit: borrows(host) ? Object.assign(commit, { borrows: true }) : commit,
		...(watch !== undefined && { watch: (changed: () => void) => watch.call(host, changed) }),
		...(notify !== undefined && { notify: () => notify.call(host) }),
		...(close !== undefined && { close: call("close", close) }),
	};
}

/** Says why a host cannot have a case, or nothing when it can. */
export type Rule = (host: HostKv, factory: ConformanceFactory) => string | undefined;

/** One rule of the contract, tried on a host of its own. */
export interface Case {
	readonly name: string;
	/** All must hold. */
	readonly needs?: readonly Rule[];
	readonly run: (setting: Setting) => Promise<void>;
}

/** The host under test, and everything opened beside it: all of it is closed when the case ends. */
export class Setting {
	/** What cases call. Stores have the host itself, and a time of their own for its calls. */
	readonly host: HostKv;
	/** Leaves the case out, for a reason that shows only while it runs. */
	readonly skip: (reason: string) => void;
	readonly #factory: ConformanceFactory;
	readonly #open: (() => unknown)[] = [];
	/** The hosts themselves, by what cases call. */
	readonly #hosts = new Map<HostKv, HostKv>();

	constructor(host: HostKv, factory: ConformanceFactory, skip: (reason: string) => void) {
		this.skip = skip;
		this.#factory = factory;
		this.host = this.#also(host);
	}

	/** Another instance on the data that is open. */
	async second(): Promise<HostKv> {
		return this.#also(await made("second", this.#factory.second?.()));
	}

	/** The data again, after this host was closed. */
	async reopen(): Promise<HostKv> {
		await this.host.close?.();
		return this.#also(await made("reopen", this.#factory.reopen?.()));
	}

	/** A store on the host, or on another. */
	async store(options?: OpenOptions, host: HostKv = this.host): Promise<Store> {
		const store = await openStore(this.#hosts.get(host) ?? host, { pollInterval: 50, ...options });
		this.#open.push(() => store.close());
		return store;
	}

	async close(): Promise<void> {
		// A store before the host it is on.
		for (const close of this.#open.splice(0).reverse()) await close();
	}

	#also(host: HostKv): HostKv {
		for (const [known, itself] of this.#hosts) if (itself === host) return known;
		const known = ending(host);
		this.#hosts.set(known, host);
		// Closing twice is no error, so that a case may close what it opened.
		this.#open.push(() => known.close?.());
		return known;
	}
}

export const needsChecks: Rule = ({ limits }) => (limits.checks ? undefined : "the host makes no checks");

export const needsBorrowing: Rule = (host) => (borrows(host) ? undefined : "the host may keep what it is given");

export const needsBatches: Rule = ({ limits }) =>
	limits.atomic === "none" ? "the host commits single rows" : undefined;

export const needsWholeStore: Rule = ({ limits }) =>
	limits.atomic === "store" ? undefined : "one commit does not cover the whole store";

export const needsConsistency: Rule = ({ limits }) => (limits.consistent ? undefined : "reads may be stale");

export const needsSecond: Rule = (_, { second }) => (second === undefined ? "there is no second instance" : undefined);

export const needsReopening: Rule = (_, { reopen }) =>
	reopen === undefined ? "the host cannot be reopened" : undefined;

/** Hosts that commit single rows are slow at it, and each append is several of them. */
export const needsQuickCommits: Rule = ({ limits }) =>
	limits.atomic === "none" ? "the case makes too many commits for a host of single rows" : undefined;
