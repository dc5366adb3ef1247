// The example of two Workers, end to end: appended and read over HTTP, published to Workers KV, read from there.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text as textOf } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Miniflare, MiniflareOptions, WorkerOptions } from "miniflare";
import { start } from "./runtime.js";

const local = new URL("../../examples/worker/local/", import.meta.url);
const { workers } = (await import(new URL("workers.mjs", local).href)) as {
	workers(options: { publishEvery: string }): Promise<[WorkerOptions, WorkerOptions]>;
};

interface Entry {
	readonly segment: string;
	readonly sequence: number;
	readonly id: string;
	readonly timestamp: number;
	readonly payload: string;
	readonly metadata: Record<string, string>;
}

interface Answer {
	readonly status: number;
	readonly body: {
		entries?: Entry[];
		offset?: string;
		next?: number;
		lastSequence?: number;
		published?: number;
		more?: boolean;
		warnings?: string[];
		error?: { code: string; message: string; details: Record<string, unknown> };
	};
}

let folder: string;
before(async () => {
	folder = await mkdtemp(join(tmpdir(), "streamkit-example-"));
});
after(() => rm(folder, { recursive: true, force: true }));

/** Both Workers; what they store lies in a folder of that name. */
async function startBoth(name: string, publishEvery: number): Promise<Miniflare> {
	const [writer, reader] = await workers({ publishEvery: String(publishEvery) });
	return start({
		workers: [writer, reader],
		durableObjectsPersist: join(folder, name, "objects"),
		kvPersist: join(folder, name, "kv"),
	} as MiniflareOptions);
}

async function call(
	miniflare: Miniflare,
	worker: "writer" | "reader",
	path: string,
	body?: unknown,
	method = body === undefined ? "GET" : "POST",
): Promise<Answer> {
	const { fetch } = await miniflare.getWorker(worker);
	const text = typeof body === "string" ? body : body === undefined ? null : JSON.stringify(body);
	const response = await fetch(`http://example${path}`, { method, body: text });
	return { status: response.status, body: (await response.json()) as Answer["body"] };
}

/** All of a space, page by page. */
async function all(miniflare: Miniflare, worker: "writer" | "reader", space: string, limit = 1000): Promise<Entry[]> {
	const entries: Entry[] = [];
	let offset = "";
	for (;;) {
		const { status, body } = await call(
			miniflare,
			worker,
			`/stores/shop/spaces/${space}?limit=${limit}&offset=${offset}`,
		);
		assert.equal(status, 200, JSON.stringify(body));
		if (body.entries === undefined || body.entries.length === 0) return entries;
		entries.push(...body.entries);
		offset = body.offset as string;
	}
}

const bySegment = (entries: readonly Entry[]): Record<string, Entry[]> => {
	const segments: Record<string, Entry[]> = {};
	for (const entry of entries) {
		segments[entry.segment] ??= [];
		segments[entry.segment]?.push(entry);
	}
	return segments;
};

test("append, read, and what is refused", async () => {
	const miniflare = await startBoth("refused", 1 << 30);
	try {
		const path = "/stores/shop/spaces/orders/segments/order%2F1";
		const records = [{ payload: "placed", metadata: { user: "ann" } }, { payload: "paid" }];
		const first = await call(miniflare, "writer", path, { records, expectedSequence: 0 });
		assert.deepEqual([first.status, first.body.lastSequence], [201, 2]);
		const read = await call(miniflare, "writer", `${path}?from=2&limit=5`);
		assert.deepEqual(
			read.body.entries?.map(({ segment, sequence, payload }) => [segment, sequence, payload]),
			[["order/1", 2, "paid"]],
		);
		assert.equal(read.body.next, 3);
		const [entry] = await all(miniflare, "writer", "orders");
		assert.deepEqual(entry?.metadata, { user: "ann" });
		const trx = { id: "0198c1d2-7c3a-7b1e-9f00-0123456789ab" };
		for (let again = 0; again < 2; again++)
			assert.equal(
				(await call(miniflare, "writer", path, { records: [{ payload: "sent" }], trx })).body.lastSequence,
				3,
			);

		const refused = async (
			status: number,
			code: string,
			worker: "writer" | "reader",
			where: string,
			body?: unknown,
			method?: string,
		): Promise<void> => {
			const answer = await call(miniflare, worker, where, body, method);
			assert.deepEqual(
				[answer.status, answer.body.error?.code],
				[status, code],
				`${where}: ${JSON.stringify(answer.body)}`,
			);
		};
		await refused(409, "SEQUENCE_MISMATCH", "writer", path, { records, expectedSequence: 1 });
		await refused(400, "INVALID_ARGUMENT", "writer", path, { records: [] });
		await refused(400, "INVALID_ARGUMENT", "writer", path, { records: [null] });
		await refused(400, "INVALID_ARGUMENT", "writer", path, {});
		await refused(400, "INVALID_ARGUMENT", "writer", path, "null");
		await refused(400, "INVALID_ARGUMENT", "writer", path, "{");
		await refused(400, "INVALID_ARGUMENT", "writer", path, {
			records: [{ payload: "x", metadata: { "origin-id": "1-0" } }],
		});
		await refused(413, "LIMIT_EXCEEDED", "writer", path, { records: [{ payload: "x".repeat(1 << 20) }] });
		await refused(400, "INVALID_ARGUMENT", "writer", `${path}?from=0`);
		await refused(400, "INVALID_ARGUMENT", "writer", `${path}?limit=1001`);
		await refused(400, "INVALID_ARGUMENT", "writer", "/stores/shop/spaces/orders?offset=zz");
		await refused(400, "INVALID_ARGUMENT", "writer", "/stores/a%00b/spaces/orders");
		await refused(400, "INVALID_ARGUMENT", "writer", "/stores/%ff/spaces/orders");
		await refused(404, "NOT_FOUND", "writer", "/elsewhere");
		await refused(404, "NOT_FOUND", "writer", "/stores/shop/spaces");
		await refused(404, "NOT_FOUND", "writer", "/stores/shop/spaces/orders", { records });
		await refused(404, "NOT_FOUND", "writer", path, undefined, "DELETE");
		for (const worker of ["writer", "reader"] as const) {
			await refused(404, "NOT_FOUND", worker, "/stores/shop/health/extra");
			await refused(404, "NOT_FOUND", worker, "/stores/shop/health/");
			await refused(404, "NOT_FOUND", worker, "/stores/shop");
		}
		await refused(404, "NOT_FOUND", "writer", "/stores/shop/publish");
		await refused(404, "NOT_FOUND", "writer", "/stores/shop/publish/extra", {});
		await refused(404, "NOT_FOUND", "reader", "/stores/shop/spaces/orders");
		await refused(404, "NOT_FOUND", "reader", path, { records });
		assert.equal((await all(miniflare, "writer", "orders")).length, 3);
		const health = await call(miniflare, "writer", "/stores/shop/health");
		assert.deepEqual([health.status, health.body.warnings], [200, []]);
	} finally {
		await miniflare.dispose();
	}
});

/**
 * Sends the beginning of a body that has no end; what is answered all the same. The connection is then closed, and what
 * is under way to there can reset it before the answer was read: that is no answer, and asked once more.
 */
async function sendEndless(url: URL, headers: Record<string, string>): Promise<[number | undefined, string]> {
	for (let tries = 1; ; tries += 1) {
		const sending = request(url, { method: "POST", headers });
		sending.on("error", () => {});
		const chunk = Buffer.alloc(64 << 10, " ");
		const more = setInterval(() => sending.write(chunk), 5);
		try {
			const signal = AbortSignal.timeout(20_000);
			const [response] = (await once(sending, "response", { signal })) as [IncomingMessage];
			clearInterval(more);
			return [response.statusCode, await textOf(response)];
		} catch (error) {
			if ((error as { code?: unknown }).code !== "ECONNRESET" || tries === 5) throw error;
		} finally {
			clearInterval(more);
			sending.destroy();
		}
	}
}

test("a body is refused as soon as it is too large, and as what it is not", { timeout: 60_000 }, async () => {
	const miniflare = await startBoth("bodies", 1 << 30);
	try {
		const url = new URL("/stores/shop/spaces/orders/segments/a", await miniflare.ready);
		for (const headers of [{ "content-length": `${50 << 20}` }, { "transfer-encoding": "chunked" }]) {
			const [status, text] = await sendEndless(url, headers);
			assert.equal(status, 413, text);
			assert.match(text, /LIMIT_EXCEEDED/);
		}
		const bytes = Buffer.from('{"records":[{"payload":"?\u00e9"}]}');
		const post = (body: Uint8Array<ArrayBuffer>) => fetch(url, { method: "POST", body });
		bytes[bytes.indexOf("?")] = 0xff;
		const refused = await post(bytes);
		assert.equal(refused.status, 400, "malformed UTF-8");
		assert.match(await refused.text(), /INVALID_ARGUMENT.*UTF-8/);
		assert.equal((await post(bytes.subarray(0, bytes.indexOf(0xc3) + 1))).status, 400, "half a character at the end");
		bytes[bytes.indexOf(0xff)] = 0x2d;
		assert.equal((await post(bytes)).status, 201);
		const { body } = await call(miniflare, "writer", url.pathname);
		assert.deepEqual(
			body.entries?.map(({ payload }) => payload),
			["-\u00e9"],
		);
	} finally {
		await miniflare.dispose();
	}
});

test("HEAD is GET without the body", async () => {
	const miniflare = await startBoth("head", 1 << 30);
	try {
		const path = "/stores/shop/spaces/orders/segments/a";
		await call(miniflare, "writer", path, { records: [{ payload: "x" }] });
		await call(miniflare, "writer", "/stores/shop/publish", {});
		for (const worker of ["writer", "reader"] as const) {
			const { fetch } = await miniflare.getWorker(worker);
			for (const [where, status] of [
				[path, 200],
				["/stores/shop/spaces/orders?limit=1", 200],
				["/stores/shop/health", 200],
				["/stores/shop/publish", 404],
				["/elsewhere", 404],
				[`${path}?from=0`, 400],
			] as const) {
				const get = await fetch(`http://example${where}`);
				const head = await fetch(`http://example${where}`, { method: "HEAD" });
				assert.deepEqual([get.status, head.status], [status, status], `${worker}: ${where}`);
				assert.equal(head.headers.get("content-type"), get.headers.get("content-type"));
				assert.notEqual(await get.text(), "");
				assert.equal(await head.text(), "");
			}
		}
	} finally {
		await miniflare.dispose();
	}
});

test("an answer is bounded in bytes, and says where to go on", { timeout: 60_000 }, async () => {
	const miniflare = await startBoth("large", 1 << 30);
	try {
		const path = "/stores/shop/spaces/orders/segments/a";
		for (let i = 0; i < 9; i++) {
			const records = [{ payload: `${i}${"x".repeat(1_000_000)}` }];
			assert.equal((await call(miniflare, "writer", path, { records })).status, 201);
		}
		await call(miniflare, "writer", "/stores/shop/publish", {});
		for (const worker of ["writer", "reader"] as const) {
			for (const where of [path, "/stores/shop/spaces/orders"]) {
				const found: string[] = [];
				let answers = 0;
				for (let on = ""; ; answers++) {
					const { body } = await call(miniflare, worker, `${where}?limit=100${on}`);
					assert.ok(JSON.stringify(body).length <= 5 << 20, "too much for one answer");
					if (body.entries?.length === 0) break;
					found.push(...(body.entries ?? []).map(({ payload }) => payload.slice(0, 1)));
					on = body.next === undefined ? `&offset=${body.offset}` : `&from=${body.next}`;
				}
				assert.deepEqual(found.join(""), "012345678", `${worker}: ${where}`);
				assert.ok(answers > 1 && answers < 9, `${answers} answers`);
			}
		}
	} finally {
		await miniflare.dispose();
	}
});

test("every space has its turn at being published", { timeout: 180_000 }, async () => {
	const miniflare = await startBoth("turns", 1 << 30);
	try {
		const names = Array.from({ length: 30 }, (_, i) => `s${String(i).padStart(2, "0")}`);
		const append = async (space: string, count: number): Promise<void> => {
			const records = Array.from({ length: count }, () => ({ payload: "x" }));
			const path = `/stores/shop/spaces/${space}/segments/a`;
			assert.equal((await call(miniflare, "writer", path, { records })).status, 201);
		};
		const publish = async (): Promise<Answer["body"]> => {
			const { status, body } = await call(miniflare, "writer", "/stores/shop/publish", {});
			assert.equal(status, 200, JSON.stringify(body));
			return body;
		};
		const published = async (space: string): Promise<number> => {
			const { status, body } = await call(miniflare, "reader", `/stores/shop/spaces/${space}/segments/a?limit=1000`);
			assert.equal(status, 200, JSON.stringify(body));
			return body.entries?.length ?? 0;
		};
		// More than one range of the first one, and more spaces than a run has ranges.
		for (let i = 0; i < 5; i++) await append("s00", 1000);
		for (const space of names) await append(space, 1);
		assert.equal((await publish()).more, true);
		assert.equal(await published("s19"), 1, "a space of many entries went first twice");
		for (const space of names.slice(0, 20)) await append(space, 1);
		assert.equal((await publish()).more, true);
		assert.equal(await published("s29"), 1, "a run began anew at the first space");
		while ((await publish()).more) assert.equal(await published("s20"), 1);
		for (const space of names.slice(1)) assert.equal(await published(space), space < "s20" ? 2 : 1, space);
		assert.equal((await all(miniflare, "reader", "s00")).length, 5002);
	} finally {
		await miniflare.dispose();
	}
});

test("the alarm publishes what was appended", { timeout: 180_000 }, async () => {
	const miniflare = await startBoth("alarm", 20);
	try {
		for (const payload of ["one", "two", "three"])
			await call(miniflare, "writer", "/stores/shop/spaces/orders/segments/a", { records: [{ payload }] });
		let read: Answer;
		do {
			read = await call(miniflare, "reader", "/stores/shop/spaces/orders/segments/a");
		} while (read.body.entries?.length !== 3);
		assert.deepEqual(read.body.entries, await all(miniflare, "writer", "orders"));
		const health = await call(miniflare, "reader", "/stores/shop/health");
		assert.match((health.body.warnings ?? []).join(" "), /older state/);
	} finally {
		await miniflare.dispose();
	}
});

test("publishing that is cut off anywhere goes on without a gap or a double", { timeout: 180_000 }, async () => {
	const payload = "x".repeat(2000);
	let appended = 0;
	for (let round = 0; round < 5; round++) {
		const miniflare = await startBoth("cut", 1 << 30);
		for (let i = 0; i < 3; i++) {
			const records = Array.from({ length: 150 }, () => ({ payload: `${appended++} ${payload}` }));
			const path = `/stores/shop/spaces/orders/segments/order-${i}`;
			assert.equal((await call(miniflare, "writer", path, { records })).status, 201);
		}
		// Cut off after so many reads by somebody else, so at another point each time.
		const publishing = call(miniflare, "writer", "/stores/shop/publish", {}).catch(() => undefined);
		for (let look = 0; look < round * 2; look++) await call(miniflare, "reader", "/stores/shop/spaces/orders?limit=1");
		await miniflare.dispose();
		await publishing;
	}
	const miniflare = await startBoth("cut", 1 << 30);
	try {
		const { status, body } = await call(miniflare, "writer", "/stores/shop/publish", {});
		assert.equal(status, 200, JSON.stringify(body));
		const source = await all(miniflare, "writer", "orders");
		const copy = await all(miniflare, "reader", "orders");
		assert.equal(source.length, appended);
		assert.equal(copy.length, appended);
		assert.deepEqual(bySegment(copy), bySegment(source));
		const again = await call(miniflare, "writer", "/stores/shop/publish", {});
		assert.equal(again.body.published, 0);
	} finally {
		await miniflare.dispose();
	}
});

test("npm start serves both", { timeout: 180_000 }, async () => {
	const script = fileURLToPath(new URL("start.mjs", local));
	const options = ["--port", "0", "--reader-port", "0", "--publish-every", "20", "--data", join(folder, "started")];
	const child = spawn(process.execPath, [script, ...options], { stdio: ["ignore", "pipe", "inherit"] });
	try {
		const urls: Record<string, string> = {};
		for await (const line of createInterface({ input: child.stdout })) {
			const [name = "", url = ""] = line.split(": ");
			urls[name] = url;
			if (urls["writer"] !== undefined && urls["reader"] !== undefined) break;
		}
		const path = "stores/shop/spaces/orders/segments/a";
		const body = JSON.stringify({ records: [{ payload: "hello" }] });
		const response = await fetch(new URL(path, urls["writer"]), { method: "POST", body });
		assert.equal(response.status, 201, await response.text());
	} finally {
		const gone = once(child, "exit");
		child.kill("SIGTERM");
		await gone;
	}
});
