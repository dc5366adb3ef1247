import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import type { TestContext } from "node:test";

const types: Readonly<Record<string, string>> = {
	".html": "text/html",
	".js": "text/javascript",
	".wasm": "application/wasm",
};

/** Serves a folder until the test ends; gives its address. */
export async function serve(t: TestContext, folder: string): Promise<string> {
	const server = createServer((request, response) => {
		const path = normalize(new URL(request.url ?? "/", "http://localhost").pathname);
		readFile(join(folder, path === "/" ? "index.html" : path)).then(
			(body) => {
				response.setHeader("content-type", types[extname(path)] ?? "text/html");
				response.end(body);
			},
			() => response.writeHead(404).end(),
		);
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.after(() => {
		server.close();
		server.closeAllConnections();
	});
	return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}
