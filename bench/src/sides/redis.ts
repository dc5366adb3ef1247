// Redis, where redis-server is on the PATH: a process of our own on a loopback port, ended by its own id. Events are
// the values of one stream, added by XADD and read by XRANGE over the `redis` client, which pipelines what is asked
// for in one go.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createClient, RESP_TYPES } from "redis";
import { freePort } from "../../../scripts/lib/free-port.mjs";
import { batches } from "../data.js";
import { inFlight } from "../in-flight.js";
import { Tally } from "../tally.js";
import { type Measure, type Side, timed } from "../timing.js";

const STREAM = "orders";
const PAGE = 1000;

/** When what is added is on the disk: "off": never. */
export type Fsync = "always" | "everysec" | "off";
type Client = ReturnType<typeof createClient>;

/** Its version, or undefined when there is none. */
export function redisVersion(): string | undefined {
	const { status, stdout } = spawnSync("redis-server", ["--version"], { encoding: "utf8" });
	return status === 0 ? /v=(\S+)/.exec(stdout)?.[1] : undefined;
}

function start(folder: string, port: number, fsync: Fsync): ChildProcess {
	const durability = fsync === "off" ? { appendonly: "no" } : { appendonly: "yes", appendfsync: fsync };
	const options = { bind: "127.0.0.1", port, dir: folder, save: "", ...durability };
	const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
	return spawn("redis-server", args, { stdio: "ignore" });
}

async function stop(server: ChildProcess): Promise<void> {
	if (server.exitCode !== null) return;
	server.kill("SIGKILL");
	await once(server, "exit");
}

/** Runs with a client of a server of its own. */
async function withServer(folder: string, fsync: Fsync, run: (client: Client) => Promise<Measure>): Promise<Measure> {
	const port = await freePort();
	const server = start(folder, port, fsync);
	try {
		const client = createClient({
			socket: { host: "127.0.0.1", port, reconnectStrategy: (tries) => (tries < 100 ? 50 : false) },
		});
		// It is not up at once: the client tries again until it is.
		client.on("error", () => {});
		await client.connect();
		const measure = await run(client as Client);
		client.destroy();
		return measure;
	} finally {
		await stop(server);
	}
}

const buffersOf = (payloads: readonly Uint8Array[]): Buffer[] =>
	payloads.map(({ buffer, byteOffset, length }) => Buffer.from(buffer, byteOffset, length));

/** XADD of each, asked for in one go. */
const addAll = (client: Client, buffers: readonly Buffer[]): Promise<unknown> =>
	Promise.all(buffers.map((buffer) => client.xAdd(STREAM, "*", { d: buffer })));

/** Everything in the stream by XRANGE in pages, every payload touched. */
async function readAll(client: Client): Promise<Tally> {
	const tally = new Tally();
	const bytes = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
	let from = "-";
	for (;;) {
		const entries = await bytes.xRange(STREAM, from, "+", { COUNT: PAGE });
		if (entries === null || entries.length === 0) return tally;
		for (const { message } of entries) tally.bytes((message as unknown as { d: Buffer }).d);
		from = `(${String(entries.at(-1)?.id)}`;
	}
}

/** XADD of every payload, so many in flight. */
export function adding(
	name: string,
	fsync: Fsync,
	payloads: readonly Uint8Array[],
	callers: number,
	expected: Tally,
): Side {
	return {
		name,
		run: (folder) =>
			withServer(folder, fsync, async (client) => {
				const buffers = buffersOf(payloads);
				const milliseconds = await timed(() =>
					inFlight(buffers.length, callers, (index) => client.xAdd(STREAM, "*", { d: buffers[index] as Buffer })),
				);
				(await readAll(client)).check(name, expected);
				return { count: payloads.length, milliseconds };
			}),
	};
}

/** XADD of every payload in pipelines of so many, each pipeline awaited before the next. */
export function pipelining(
	name: string,
	fsync: Fsync,
	payloads: readonly Uint8Array[],
	size: number,
	expected: Tally,
): Side {
	return {
		name,
		run: (folder) =>
			withServer(folder, fsync, async (client) => {
				const all = batches(buffersOf(payloads), size);
				const milliseconds = await timed(async () => {
					for (const batch of all) await addAll(client, batch);
				});
				(await readAll(client)).check(name, expected);
				return { count: payloads.length, milliseconds };
			}),
	};
}

/** XRANGE of everything in pages of 1,000. */
export function ranging(name: string, payloads: readonly Uint8Array[], expected: Tally): Side {
	return {
		name,
		run: (folder) =>
			withServer(folder, "off", async (client) => {
				for (const batch of batches(buffersOf(payloads), PAGE)) await addAll(client, batch);
				let tally = new Tally();
				const milliseconds = await timed(async () => {
					tally = await readAll(client);
				});
				tally.check(name, expected);
				return { count: payloads.length, milliseconds };
			}),
	};
}

/** Everything by XREADGROUP, so many at a time, each read acknowledged by XACK before the next. */
export function consuming(name: string, payloads: readonly Uint8Array[], size: number, expected: Tally): Side {
	return {
		name,
		run: (folder) =>
			withServer(folder, "off", async (client) => {
				for (const batch of batches(buffersOf(payloads), PAGE)) await addAll(client, batch);
				await client.xGroupCreate(STREAM, "workers", "0");
				const bytes = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
				const tally = new Tally();
				const milliseconds = await timed(async () => {
					for (;;) {
						const answer = await bytes.xReadGroup("workers", "worker", { key: STREAM, id: ">" }, { COUNT: size });
						const streams = answer as unknown as { messages: { id: Buffer; message: { d: Buffer } }[] }[] | null;
						const messages = streams?.[0]?.messages ?? [];
						if (messages.length === 0) break;
						for (const { message } of messages) tally.bytes(message.d);
						const ids = messages.map(({ id }) => String(id));
						if ((await client.xAck(STREAM, "workers", ids)) !== ids.length)
							throw new Error(`${name}: not all were pending`);
					}
				});
				tally.check(name, expected);
				return { count: payloads.length, milliseconds };
			}),
	};
}
