import { fork } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { HostKv, SegmentStatus, Store } from "streamkit";

/** Waits that must not run out on a slow machine, and polls that never come while a test runs. */
export const PATIENCE = 60_000;
export const NEVER = 3_600_000;

/** Waits until the condition holds, looking whenever something is noted. */
export class Notes<T> {
	readonly all: T[] = [];
	#noted: () => void = () => {};

	readonly note = (one: T): void => {
		this.all.push(one);
		this.#noted();
	};

	get last(): T | undefined {
		return this.all[this.all.length - 1];
	}

	async until(condition: (all: readonly T[]) => boolean): Promise<void> {
		const end = performance.now() + PATIENCE;
		while (!condition(this.all)) {
			const left = end - performance.now();
			if (left <= 0) throw new Error(`waited in vain; noted: ${JSON.stringify(this.all)}`);
			let timer: NodeJS.Timeout | undefined;
			await new Promise<void>((resolve) => {
				this.#noted = resolve;
				timer = setTimeout(resolve, left);
			});
			clearTimeout(timer);
		}
	}
}

/** "segment=last sequence" of a status, with a mark for a heartbeat. */
export function told({ segment, lastSequence, heartbeat }: SegmentStatus): string {
	return `${segment}=${lastSequence}${heartbeat === true ? " again" : ""}`;
}

/** A directory that is removed when the test ends. */
export async function directory(t: TestContext): Promise<string> {
	const path = await mkdtemp(join(tmpdir(), "streamkit-live-"));
	t.after(() => rm(path, { recursive: true, force: true }));
	return join(path, "store");
}

/** Closes a store when the test ends, before the hosts and folders that were made earlier. */
export function closing<T extends { close?(): unknown }>(t: TestContext, one: T): T {
	t.after(() => one.close?.());
	return one;
}

/** A host that gives no hints: whoever waits has to look. */
export function withoutHints(host: HostKv): HostKv {
	return {
		name: host.name,
		limits: host.limits,
		get: (keys) => host.get(keys),
		scan: (range) => host.scan(range),
		commit: (batch) => host.commit(batch),
	};
}

/** Something that appends to the store under test, by whatever way. */
export interface Writer {
	publish(space: string, segment: string, payload: string): Promise<number>;
}

export function writerOf(store: Store): Writer {
	return { publish: async (...args) => (await store.publish(...args)).lastSequence };
}

const script = fileURLToPath(new URL("writer.mjs", import.meta.url));

interface Reply {
	readonly number: number;
	readonly lastSequence: number;
}

interface Line {
	send(message: object): void;
	on(event: "message", heard: (reply: Reply) => void): unknown;
	once(event: "exit", ended: (code: number | null) => void): unknown;
}

/** Opens a store on the directory in another process. */
export function processWriter(t: TestContext, path: string): Promise<Writer> {
	const child = fork(script, [path], { execArgv: [], stdio: "inherit" });
	return remoteWriter(t, {
		send: (message) => void child.send(message),
		on: (event, heard) => child.on(event, heard as (message: unknown) => void),
		once: (event, ended) => child.once(event, ended),
	});
}

/** Opens a store on the directory in another thread. */
export function threadWriter(t: TestContext, path: string): Promise<Writer> {
	const worker = new Worker(script, { workerData: { path }, execArgv: [] });
	return remoteWriter(t, {
		send: (message) => worker.postMessage(message),
		on: (event, heard) => worker.on(event, heard),
		once: (event, ended) => worker.once(event, ended),
	});
}

async function remoteWriter(t: TestContext, line: Line): Promise<Writer> {
	const waiting = new Map<number, (lastSequence: number) => void>();
	const ended = new Promise<number | null>((resolve) => line.once("exit", resolve));
	const failed = ended.then((code) => Promise.reject(new Error(`the writer ended with ${code}`)));
	failed.catch(() => {});
	line.on("message", ({ number, lastSequence }) => {
		waiting.get(number)?.(lastSequence);
		waiting.delete(number);
	});
	t.after(async () => {
		line.send({});
		await ended;
	});
	let last = 0;
	const answer = (number: number): Promise<number> =>
		Promise.race([new Promise<number>((resolve) => waiting.set(number, resolve)), failed]);
	await answer(0);
	return {
		publish(space, segment, payload) {
			const number = ++last;
			line.send({ number, space, segment, payload });
			return answer(number);
		},
	};
}

/** Appends every so often until a condition comes true: a single hint may be lost. */
export async function publishUntil(writer: Writer, space: string, segment: string, done: Promise<void>): Promise<void> {
	let over = false;
	const finished = done.finally(() => {
		over = true;
	});
	for (let i = 0; !over; i++) {
		await writer.publish(space, segment, `again ${i}`);
		await Promise.race([finished, new Promise((resolve) => setTimeout(resolve, 200))]);
	}
	await finished;
}
