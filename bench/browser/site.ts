import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const folder = fileURLToPath(new URL("./page", import.meta.url));

const page = `<!doctype html><title>bench</title>
<script>onerror = (message) => { globalThis.broken = String(message); };</script>
<script type="module" src="/scripts/main.js"></script>`;

/** The page of the benchmark on a free port. */
export interface BenchSite {
	readonly url: string;
	stop(): void;
}

export async function serve(): Promise<BenchSite> {
	const { outputFiles } = await build({
		entryPoints: [`${folder}/main.ts`],
		outdir: "/scripts",
		bundle: true,
		splitting: true,
		minify: true,
		format: "esm",
		platform: "browser",
		target: "es2022",
		define: { "process.env.NODE_ENV": '"production"' },
		write: false,
		logLevel: "warning",
	});
	const wasm = (specifier: string): Promise<Buffer> => readFile(fileURLToPath(import.meta.resolve(specifier)));
	const files = new Map<string, readonly [type: string, body: string | Uint8Array]>([
		["/", ["text/html", page]],
		["/generated/streamkit.wasm", ["application/wasm", await wasm("streamkit/wasm")]],
		["/generated/light/streamkit.wasm", ["application/wasm", await wasm("streamkit/wasm/light")]],
	]);
	for (const { path, contents } of outputFiles) {
		files.set(path.replaceAll("\\", "/").replace(/^.*(?=\/scripts\/)/, ""), ["text/javascript", contents]);
	}
	const server = createServer((request, response) => {
		const [type, body] = files.get(request.url ?? "") ?? [];
		response.writeHead(body === undefined ? 404 : 200, { "content-type": type ?? "text/plain" });
		response.end(body ?? "not here");
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	return {
		url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
		stop() {
			server.close();
			server.closeAllConnections();
		},
	};
}
