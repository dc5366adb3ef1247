import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { type HostKv, openStore } from "streamkit";
import { hostConformance } from "streamkit/testing";

const source = new URL("../../examples/host/web-storage-host.mjs", import.meta.url);
const document = new URL("../../docs/hosts.md", import.meta.url);

interface Storage {
	getItem(item: string): string | null;
	setItem(item: string, text: string): void;
}

const { webStorageHost } = (await import(source.href)) as { webStorageHost(storage: Storage, item: string): HostKv };

/** As much of a Web Storage as the example uses, with room for so many characters. */
function storageOf(room = Number.POSITIVE_INFINITY): Storage {
	const items = new Map<string, string>();
	return {
		getItem: (item) => items.get(item) ?? null,
		setItem(item, text) {
			if (text.length > room) throw new DOMException("full", "QuotaExceededError");
			items.set(item, text);
		},
	};
}

let storage = storageOf();
hostConformance(
	{ test: (name, run) => void test(`the example host: ${name}`, (t) => run(t)) },
	{
		async open(): Promise<HostKv> {
			storage = storageOf();
			return webStorageHost(storage, "store");
		},
		reopen: async () => webStorageHost(storage, "store"),
	},
);

test("the example host: a full storage is QUOTA_EXCEEDED, and what was stored stays", async () => {
	const store = await openStore(webStorageHost(storageOf(10_000), "store"));
	await store.publish("s", "a", "small");
	await assert.rejects(store.publish("s", "a", crypto.getRandomValues(new Uint8Array(9000))), {
		code: "QUOTA_EXCEEDED",
	});
	assert.equal((await store.publish("s", "a", "small again")).lastSequence, 2);
	await store.close();
});

test("the document shows the example host as it is", async () => {
	const [text, code] = await Promise.all([readFile(document, "utf8"), readFile(source, "utf8")]);
	assert.ok(text.includes(`\`\`\`js\n${code}\`\`\`\n`), "docs/hosts.md and examples/host/web-storage-host.mjs differ");
});
