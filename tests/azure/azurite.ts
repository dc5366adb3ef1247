import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { AzureNamedKeyCredential, TableClient } from "@azure/data-tables";
import { freePort } from "../../scripts/lib/free-port.mjs";

const main = createRequire(import.meta.url).resolve("azurite/dist/src/table/main.js");
// The emulator's account, the same everywhere.
const ACCOUNT = "devstoreaccount1";
const KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/** The URL of an account, and a client for one of its tables. */
export function clientFor(url: string, table: string, key = KEY): TableClient {
	return new TableClient(url, table, new AzureNamedKeyCredential(ACCOUNT, key), { allowInsecureConnection: true });
}

/** A running emulator. */
export interface Azurite {
	readonly url: string;
	/** The name of a new table. Each test has its own: a query of the emulator looks at every row of its table. */
	table(): Promise<string>;
	client(table: string, key?: string): TableClient;
	stop(): Promise<void>;
}

/** Another process may take the port before the emulator does. */
const TRIES = 5;

async function start(location: string): Promise<{ port: number; child: ChildProcess; exited: Promise<unknown> }> {
	for (let tries = 1; ; tries++) {
		const port = await freePort();
		const child = spawn(
			process.execPath,
			[
				main,
				"--tableHost",
				"127.0.0.1",
				"--tablePort",
				`${port}`,
				"--location",
				location,
				"--silent",
				"--disableTelemetry",
			],
			{ stdio: ["ignore", "pipe", "pipe"] },
		);
		let said = "";
		child.stderr.on("data", (text) => {
			said += text;
		});
		const exited = once(child, "exit");
		const started = new Promise<boolean>((resolve) => {
			createInterface(child.stdout).on("line", (line) => {
				if (line.includes("successfully started")) resolve(true);
			});
			exited.then(() => resolve(false));
		});
		if (await started) return { port, child, exited };
		if (tries === TRIES) throw new Error(`the emulator did not start: ${said}`);
	}
}

/** Starts the emulator on a port that is free, in a directory of its own. */
export async function startAzurite(): Promise<Azurite> {
	const location = await mkdtemp(join(tmpdir(), "streamkit-azurite-"));
	const { port, child, exited } = await start(location);
	const url = `http://127.0.0.1:${port}/${ACCOUNT}`;
	let tables = 0;
	return {
		url,
		async table() {
			const table = `streamkit${++tables}`;
			await clientFor(url, table).createTable();
			return table;
		},
		client: (table, key) => clientFor(url, table, key),
		async stop() {
			child.kill();
			await exited;
			await rm(location, { recursive: true, force: true });
		},
	};
}
