// Redis, where redis-server is on the PATH: a process of our own on a loopback port, ended by its own id. Events go to
// one stream by XADD with so many in flight, over the `redis` client, which pipelines them.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { createClient, RESP_TYPES } from "redis";
import { Tally } from "../tally.js";
import { type Side, timed } from "../timing.js";

const STREAM = "orders";

/** Its version, or undefined when there is none. */
export function redisVersion(): string | undefined {
	const { status, stdout } = spawnSync("redis-server", ["--version"], { encoding: "utf8" });
	return status === 0 ? /v=(\S+)/.exec(stdout)?.[1] : undefined;
}

async function freePort(): Promise<number> {
	const server = createServer().listen(0, "127.0.0.1");
	await once(server, "listening");
	const address = server.address();
	server.close();
	await once(server, "close");
	if (address === null || typeof address === "string") throw new Error("no port for Redis");
	return address.port;
}

function start(folder: string, port: number, fsync: "always" | "everysec"): ChildProcess {
	const options = { bind: "127.0.0.1", port, dir: folder, save: "", appendonly: "yes", appendfsync: fsync };
	const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
	return spawn("redis-server", args, { stdio: "ignore" });
}

async function stop(server: ChildProcess): Promise<void> {
	if (server.exitCode !== null) return;
	server.kill("SIGKILL");
	await once(server, "exit");
}

/** XADD of every payload, so many in flight, each awaited by a caller of its own. */
export function adding(
	name: string,
	fsync: "always" | "everysec",
	payloads: readonly Uint8Array[],
	inFlight: number,
	expected: Tally,
): Side {
	return {
		name,
		async run(folder) {
			const port = await freePort();
			const server = start(folder, port, fsync);
			try {
				const client = createClient({
					socket: { host: "127.0.0.1", port, reconnectStrategy: (tries) => (tries < 100 ? 50 : false) },
				});
				// It is not up at once: the client tries again until it is.
				client.on("error", () => {});
				await client.connect();
				const buffers = payloads.map(({ buffer, byteOffset, length }) => Buffer.from(buffer, byteOffset, length));
				let next = 0;
				const caller = async (): Promise<void> => {
					while (next < buffers.length) await client.xAdd(STREAM, "*", { d: buffers[next++] as Buffer });
				};
				const milliseconds = await timed(() =>
					Promise.all(Array.from({ length: Math.min(inFlight, buffers.length) }, caller)),
				);
				const tally = new Tally();
				const bytes = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
				let from = "-";
				for (;;) {
					const entries = await bytes.xRange(STREAM, from, "+", { COUNT: 1000 });
					if (entries === null || entries.length === 0) break;
					for (const { message } of entries) tally.bytes((message as unknown as { d: Buffer }).d);
					from = `(${String(entries.at(-1)?.id)}`;
				}
				client.destroy();
				tally.check(name, expected);
				return { count: payloads.length, milliseconds };
			} finally {
				await stop(server);
			}
		},
	};
}
