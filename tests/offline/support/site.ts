import { mkdtemp, readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const root = fileURLToPath(new URL("../../../examples/offline", import.meta.url));

const types: Readonly<Record<string, string>> = {
	".html": "text/html; charset=utf-8",
	".js": "text/javascript",
	".css": "text/css",
	".svg": "image/svg+xml",
	".wasm": "application/wasm",
	".webmanifest": "application/manifest+json",
};

/** Builds the example into a folder of its own. */
export async function buildExample(): Promise<string> {
	const outDir = await mkdtemp(join(tmpdir(), "streamkit-offline-"));
	await build({ root, logLevel: "error", build: { outDir, emptyOutDir: true } });
	return outDir;
}

/** Serves a built page from an origin of its own, below a path of its own; it can be stopped and started again at the same address. */
export class Site {
	readonly folder: string;
	#server: Server | undefined;
	#port = 0;

	constructor(folder: string) {
		this.folder = folder;
	}

	get url(): string {
		return `http://127.0.0.1:${this.#port}/log/`;
	}

	async start(): Promise<void> {
		const server = createServer(async (request, response) => {
			const { pathname } = new URL(request.url ?? "/", "http://site");
			const name = normalize(pathname.replace(/^\/log\//, "").replace(/^$/, "index.html"));
			try {
				if (!pathname.startsWith("/log/") || name.startsWith("..")) throw new Error("not here");
				const body = await readFile(join(this.folder, name));
				// As plain servers do: a browser may keep what it got for a while.
				response.writeHead(200, {
					"content-type": types[extname(name)] ?? "text/plain",
					"cache-control": "max-age=600",
				});
				response.end(body);
			} catch {
				response.writeHead(404, { "content-type": "text/plain" }).end("not here");
			}
		});
		await new Promise<void>((resolve) => server.listen(this.#port, "127.0.0.1", resolve));
		this.#port = (server.address() as AddressInfo).port;
		this.#server = server;
	}

	async stop(): Promise<void> {
		const server = this.#server;
		if (server === undefined) return;
		this.#server = undefined;
		server.closeAllConnections();
		await new Promise<void>((resolve) => server.close(() => resolve()));
	}
}
