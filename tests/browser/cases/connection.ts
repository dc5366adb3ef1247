import assert from "node:assert/strict";
import { test } from "node:test";
import { type Browser, freshName } from "../support/browser.js";

/** Connections that end, and databases that others take. */
export function connection(browser: Browser): void {
	test("a deletion elsewhere is not held up, and the store that was open says that its data is gone", async () => {
		const name = freshName();
		const [tab, other] = [await browser.openTab(), await browser.openTab()];
		await tab.evaluate((name) => streamkit.publish(name, "segment", "gone"), name);
		assert.equal(await other.evaluate((name) => streamkit.take(name), name), 0, "the deletion was held up");
		const answer = await tab.evaluate(
			(name) => streamkit.outcome(() => streamkit.publish(name, "segment", "never stored")),
			name,
		);
		assert.equal("code" in answer && answer.code, "UNAVAILABLE");
		assert.equal("code" in answer && answer.retryable, false);
		// WebKit lists one whose making was taken back as version 0.
		const made = await tab.evaluate(async () => (await indexedDB.databases()).filter(({ version }) => version !== 0));
		assert.ok(!made.some((database) => database.name === name), "the database was made anew");
		await tab.close();
		await other.close();
	});

	test("what is deleted while it is opened is said to be gone by the host, not by opening", async () => {
		const tab = await browser.openTab();
		const { blocked, answer } = await tab.evaluate(async (name) => {
			const { transaction } = IDBDatabase.prototype;
			let taking: Promise<number> | undefined;
			IDBDatabase.prototype.transaction = function (this: IDBDatabase, ...args) {
				IDBDatabase.prototype.transaction = transaction;
				const first = transaction.apply(this, args);
				taking = streamkit.take(name);
				return first;
			};
			const host = await streamkit.indexedDbHost(name);
			const blocked = await taking;
			return { blocked, answer: await streamkit.outcome(async () => host.get([new Uint8Array([1])])) };
		}, freshName());
		assert.equal(blocked, 0, "the deletion was held up");
		assert.equal("code" in answer && answer.code, "UNAVAILABLE");
		assert.equal("code" in answer && answer.retryable, false);
		await tab.close();
	});

	test("a later version elsewhere is not held up, and the older release says that it cannot read it", async () => {
		const name = freshName();
		const [tab, other] = [await browser.openTab(), await browser.openTab()];
		await tab.evaluate((name) => streamkit.publish(name, "segment", "kept"), name);
		assert.equal(await other.evaluate((name) => streamkit.take(name, 2), name), 0, "the upgrade was held up");
		for (const page of [tab, other]) {
			const answer = await page.evaluate(
				(name) =>
					streamkit.outcome(async () => {
						const host = await streamkit.indexedDbHost(name);
						await host.close?.();
					}),
				name,
			);
			assert.equal("code" in answer && answer.code, "CONFLICT");
			assert.equal("code" in answer && answer.retryable, false);
		}
		const answer = await tab.evaluate(
			(name) => streamkit.outcome(() => streamkit.publish(name, "segment", "never stored")),
			name,
		);
		assert.equal("code" in answer && answer.code, "CONFLICT");
		await tab.close();
		await other.close();
	});

	test("a database of another program is left alone", async () => {
		const tab = await browser.openTab();
		for (const stores of [[], ["things"], ["rows"]]) {
			const name = freshName();
			const answer = await tab.evaluate(
				async ([name, stores]) => {
					await streamkit.makeForeign(name, stores);
					return streamkit.outcome(() => streamkit.indexedDbHost(name));
				},
				[name, stores] as const,
			);
			assert.equal("code" in answer && answer.code, "CONFLICT");
		}
		await tab.close();
	});

	test("a connection that was closed underneath is opened again", async () => {
		const name = freshName();
		const tab = await browser.openTab();
		const closed = await tab.evaluate(async (name) => {
			streamkit.watchConnections();
			let closed = 0;
			for (let i = 0; i < 5; i++) {
				await streamkit.publish(name, "segment", `entry ${i}`);
				closed += streamkit.closeUnderneath();
				if (i % 2 === 0) await streamkit.payloads(name, "segment");
				closed += streamkit.closeUnderneath();
			}
			return closed;
		}, name);
		assert.ok(closed >= 5, `${closed} connections were closed`);
		const found = await tab.evaluate((name) => streamkit.payloads(name, "segment"), name);
		assert.deepEqual(found, ["entry 0", "entry 1", "entry 2", "entry 3", "entry 4"]);
		await tab.close();
	});

	for (const moment of ["while checks are asked", "once writes are issued"] as const) {
		test(`a commit that breaks off ${moment} is stored once`, async () => {
			const name = freshName();
			const tab = await browser.openTab();
			const found = await tab.evaluate(
				async ([name, moment]) => {
					await streamkit.publish(name, "segment", "before");
					streamkit.abortNext(moment);
					await streamkit.publish(name, "segment", "broken off");
					await streamkit.publish(name, "segment", "after");
					return streamkit.payloads(name, "segment");
				},
				[name, moment] as const,
			);
			assert.deepEqual(found, ["before", "broken off", "after"]);
			await tab.close();
		});
	}

	test("what a broken commit did is unknown once writes are issued, and it is tried again before", async () => {
		const name = freshName();
		const tab = await browser.openTab();
		const [early, late, again] = await tab.evaluate((name) => streamkit.brokenCommits(name), name);
		assert.deepEqual(early, { value: { applied: true } });
		assert.ok(late !== undefined && "code" in late);
		assert.equal(late.code, "UNAVAILABLE");
		assert.deepEqual(late.details, { database: name, applied: "unknown" });
		assert.deepEqual(again, { value: { applied: true } });
		await tab.close();
	});

	test("a host that was closed says so, and closing waits for what is under way", async () => {
		const tab = await browser.openTab();
		const { written, codes } = await tab.evaluate(async (name) => {
			const key = new Uint8Array([1]);
			const change = { checks: [], deletes: [], puts: [{ key, value: key }], durability: "relaxed" } as const;
			const host = await streamkit.indexedDbHost(name);
			const writing = Promise.resolve(host.commit(change));
			await host.close?.();
			await host.close?.();
			const codes: unknown[] = [];
			for (const call of [
				async () => host.get([key]),
				async () => host.get([]),
				async () => host.scan({ start: key, end: new Uint8Array([2]), limit: 1 }),
				async () => host.commit(change),
				async () => host.health?.(),
				async () => host.watch?.(() => {}),
			]) {
				const answer = await streamkit.outcome<unknown>(call);
				codes.push("code" in answer ? answer.code : "answered");
			}
			return { written: await writing, codes };
		}, freshName());
		assert.deepEqual(written, { applied: true });
		assert.deepEqual(codes, Array(6).fill("CLOSED"));
		await tab.close();
	});
}
