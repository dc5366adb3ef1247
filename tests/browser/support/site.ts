import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const folder = fileURLToPath(new URL("../page", import.meta.url));

interface File {
	readonly type: string;
	readonly body: string | Uint8Array;
}

const html = (body: string): File => ({ type: "text/html", body: `<!doctype html><title>test</title>${body}` });

async function bundle(): Promise<Map<string, File>> {
	const { outputFiles } = await build({
		entryPoints: ["main", "worker", "shared-worker", "service-worker"].map((name) => `${folder}/${name}.ts`),
		// The engine is looked for beside the folder that a script is in.
		outdir: "/scripts",
		bundle: true,
		format: "esm",
		platform: "browser",
		target: "es2022",
		write: false,
		logLevel: "warning",
	});
	const files = new Map<string, File>([
		["/", html('<script type="module" src="/scripts/main.js"></script>')],
		["/sandboxed", html('<iframe sandbox="allow-scripts" src="/"></iframe>')],
		["/empty", html("")],
	]);
	for (const { path, contents } of outputFiles) {
		files.set(path.replaceAll("\\", "/").replace(/^.*(?=\/scripts\/)/, ""), {
			type: "text/javascript",
			body: contents,
		});
	}
	for (const [path, specifier] of [
		["/generated/streamkit.wasm", "streamkit/wasm"],
		["/generated/light/streamkit.wasm", "streamkit/wasm/light"],
	] as const) {
		const body = await readFile(fileURLToPath(import.meta.resolve(specifier)));
		files.set(path, { type: "application/wasm", body });
	}
	return files;
}

let bundled: Promise<Map<string, File>> | undefined;

/** Serves the pages of these tests on a port of its own: an origin of its own. */
export class Site {
	readonly #server: Server;
	readonly origin: string;
	/** Takes what pages say to `/tell`. */
	told: (message: unknown) => void = () => {};

	private constructor(server: Server) {
		this.#server = server;
		this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	}

	static async start(): Promise<Site> {
		bundled ??= bundle();
		const files = await bundled;
		const server = createServer((request, response) => {
			if (request.method === "POST") {
				// What a page that ended did not say to its end was not said.
				json(request).then(site.told, () => {});
				response.writeHead(204).end();
				return;
			}
			const file = files.get(new URL(request.url ?? "/", "http://site").pathname);
			// A sandboxed frame has an origin of its own, and may import nothing without this.
			response.setHeader("access-control-allow-origin", "*");
			response.writeHead(file === undefined ? 404 : 200, { "content-type": file?.type ?? "text/plain" });
			response.end(file?.body ?? "not here");
		});
		await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
		const site = new Site(server);
		return site;
	}

	url(path: string): string {
		return `${this.origin}${path}`;
	}

	stop(): Promise<void> {
		this.#server.closeAllConnections();
		return new Promise((resolve) => this.#server.close(() => resolve()));
	}
}

const sites: Site[] = [];
let first: Promise<Site> | undefined;

/** A site of an origin of its own, with storage of its own. */
export async function newSite(): Promise<Site> {
	const site = await Site.start();
	sites.push(site);
	return site;
}

/** The site that most tests share. */
export function sharedSite(): Promise<Site> {
	first ??= newSite();
	return first;
}

export async function stopSites(): Promise<void> {
	await Promise.all(sites.splice(0).map((site) => site.stop()));
}
