// The host conformance suite, case by case: the answer to `list` is the names, to a number what came of that case.

import { type HostKv, isStreamkitError, type MaybePromise } from "streamkit";
import { durableObjectHost, workersKvHost } from "streamkit/cloudflare";
import { type ConformanceFactory, hostConformance } from "streamkit/testing";
import type { Env, State } from "./platform.js";
import { StaleKv } from "./stale-kv.js";

export interface Outcome {
	readonly name: string;
	readonly skipped?: string;
	readonly failed?: string;
}

interface Case {
	readonly name: string;
	run(t: { skip(reason: string): void }): Promise<void>;
}

let opened = 0;

/** Reads again while a row that the writer knows is not to be seen: that it says so is tested elsewhere. */
function patient(host: HostKv): HostKv {
	async function again<T>(read: () => MaybePromise<T>): Promise<T> {
		for (let tried = 1; ; tried++) {
			try {
				return await read();
			} catch (error) {
				if (tried > 50 || !isStreamkitError(error, "UNAVAILABLE")) throw error;
			}
		}
	}
	return {
		name: host.name,
		limits: host.limits,
		get: (keys) => again(() => host.get(keys)),
		scan: (range) => again(() => host.scan(range)),
		commit: (batch) => host.commit(batch),
	};
}

/** The hosts under test, by name. Every one that is opened has rows of its own. */
const factories: Record<string, (state: State, env: Env) => ConformanceFactory> = {
	object({ storage }) {
		const host = async () => durableObjectHost(storage, { name: `c${opened}` });
		return {
			open: async () => {
				opened++;
				return host();
			},
			reopen: host,
			second: host,
		};
	},
	kv(_, { KV }) {
		const host = async () => workersKvHost(KV, { prefix: `c${opened}/`, writeInterval: 0 });
		return {
			open: async () => {
				opened++;
				return host();
			},
			reopen: host,
			second: host,
		};
	},
	stale({ storage }, { KV }) {
		const stale = new StaleKv(KV, 7, 5);
		const host = async () =>
			patient(
				workersKvHost(stale, {
					prefix: `s${opened}/`,
					writeInterval: 0,
					journal: durableObjectHost(storage, { name: `j${opened}` }),
				}),
			);
		return {
			open: async () => {
				opened++;
				return host();
			},
			reopen: host,
		};
	},
};

export async function conformance(state: State, env: Env, host: string, which: string): Promise<unknown> {
	const factory = factories[host];
	if (factory === undefined) throw new Error(`there is no host "${host}"`);
	const cases: Case[] = [];
	hostConformance({ test: (name, run) => cases.push({ name, run }) }, factory(state, env));
	if (which === "list") return cases.map(({ name }) => name);
	const one = cases[Number(which)];
	if (one === undefined) throw new Error(`there is no case ${which}`);
	let skipped: string | undefined;
	const outcome: Outcome = { name: one.name };
	try {
		await one.run({
			skip: (reason) => {
				skipped = reason;
			},
		});
	} catch (error) {
		return { ...outcome, failed: error instanceof Error ? (error.stack ?? error.message) : String(error) };
	}
	return skipped === undefined ? outcome : { ...outcome, skipped };
}
