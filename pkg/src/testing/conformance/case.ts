import { borrows, type HostKv } from "../../host.js";
import { openStore } from "../../store/store.js";
import type { Store } from "../../store/types.js";
import type { OpenOptions } from "../../types.js";

/** Makes the hosts under test. */
export interface ConformanceFactory {
	/** A fresh, empty host. */
	open(): Promise<HostKv>;
	/** The same data again, after the last host was closed. */
	reopen?(): Promise<HostKv>;
	/** Another instance on the data that is open. */
	second?(): Promise<HostKv>;
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
	readonly host: HostKv;
	/** Leaves the case out, for a reason that shows only while it runs. */
	readonly skip: (reason: string) => void;
	readonly #factory: ConformanceFactory;
	readonly #open: (() => unknown)[] = [];

	constructor(host: HostKv, factory: ConformanceFactory, skip: (reason: string) => void) {
		this.host = host;
		this.skip = skip;
		this.#factory = factory;
		// Closing twice is no error, so that a case may close what it opened.
		this.#open.push(() => host.close?.());
	}

	/** Another instance on the data that is open. */
	async second(): Promise<HostKv> {
		return this.#also(await this.#factory.second?.());
	}

	/** The data again, after this host was closed. */
	async reopen(): Promise<HostKv> {
		await this.host.close?.();
		return this.#also(await this.#factory.reopen?.());
	}

	/** A store on the host, or on another. */
	async store(options?: OpenOptions, host: HostKv = this.host): Promise<Store> {
		const store = await openStore(host, { pollInterval: 50, ...options });
		this.#open.push(() => store.close());
		return store;
	}

	async close(): Promise<void> {
		// A store before the host it is on.
		for (const close of this.#open.splice(0).reverse()) await close();
	}

	#also(host: HostKv | undefined): HostKv {
		if (host === undefined) throw new Error("the factory gave no host");
		this.#open.push(() => host.close?.());
		return host;
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
