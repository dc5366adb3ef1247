import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import {
	type HostKv,
	type HostLimits,
	isStreamkitError,
	memoryHost,
	type Namespaces,
	openNamespaces,
	type Store,
} from "../src/entry/node.js";
import { refuses } from "./support/store.js";
import { withResolvers } from "./support/with-resolvers.js";

type Call = "get" | "scan" | "commit";

/** Hosts by name, each of whose calls waits for what is given. */
function hostsWith(before: (call: Call, name: string) => Promise<void>, inner: (name: string) => HostKv) {
	return (name: string): HostKv => {
		const host = inner(name);
		return {
			name,
			limits: host.limits,
			get: (keys) => before("get", name).then(() => host.get(keys)),
			scan: (range) => before("scan", name).then(() => host.scan(range)),
			commit: (batch) => before("commit", name).then(() => host.commit(batch)),
		};
	};
}

/** The same hosts for whoever asks. */
function sharedHosts(limits: Partial<HostLimits> = {}): (name: string) => HostKv {
	const hosts = new Map<string, HostKv>();
	return (name) => {
		const host = hosts.get(name) ?? memoryHost({ limits });
		hosts.set(name, host);
		return host;
	};
}

const later = (turns: number): Promise<void> =>
	Array.from({ length: Math.max(turns, 0) }).reduce<Promise<void>>((all) => all.then(() => turn()), Promise.resolve());

const holds = async (namespaces: Namespaces, segment: string): Promise<boolean> =>
	(await (await namespaces.open("aa")).getSegmentStatus("s", segment)) !== undefined;

/** An empty namespace, and a store of it whose name is known to be recorded. */
async function emptied(namespaces: Namespaces): Promise<Store> {
	const store = await namespaces.open("aa");
	await store.streams.create("e");
	await store.streams.delete("e");
	return store;
}

const kinds: readonly Partial<HostLimits>[] = [
	{},
	{ atomic: "space" },
	{ atomic: "none" },
	{ checks: false, shared: false },
	{ atomic: "none", checks: false, shared: false },
];

test("deleting a namespace without force and writing to it never both succeed and lose what was written", async () => {
	const outcomes = new Set<string>();
	for (const limits of kinds) {
		for (const [isRecorded, commitTurns] of [
			[false, 1],
			[true, 1],
			[false, 25],
			[true, 25],
		] as const) {
			// Below 0 the writing begins first, and its commit may last longer than it takes to look.
			for (let turns = -30; turns < 50; turns += 2) {
				const what = `${JSON.stringify(limits)}, ${isRecorded}, ${commitTurns}, ${turns}`;
				let held = 1;
				const hosts = hostsWith(
					(call, name) => later(call === "commit" && name === "aa" ? held : 1),
					sharedHosts(limits),
				);
				const namespaces = await openNamespaces(hosts);
				if (!isRecorded) await namespaces.create("aa");
				const store = isRecorded ? await emptied(namespaces) : await namespaces.open("aa");
				held = commitTurns;
				const deleting = later(-turns).then(() => namespaces.delete("aa"));
				const writing = later(turns).then(() => store.publish("s", "g", "x"));
				const [deleted, written] = await Promise.allSettled([deleting, writing]);
				outcomes.add(`${deleted.status}, ${written.status}`);
				if (written.status === "fulfilled") {
					assert.equal(deleted.status, "rejected", what);
					assert.ok(await holds(namespaces, "g"), what);
				} else assert.ok(["CONFLICT", "CLOSED"].includes(written.reason.code), `${what}: ${written.reason}`);
				if (deleted.status === "rejected") {
					assert.ok(isStreamkitError(deleted.reason, "NOT_EMPTY"), `${what}: ${deleted.reason}`);
					await store.publish("s", "h", "the store stays open");
				}
				assert.equal((await namespaces.list()).includes("aa"), deleted.status === "rejected", what);
				await namespaces.close();
			}
		}
	}
	assert.deepEqual([...outcomes].sort(), ["fulfilled, rejected", "rejected, fulfilled"]);
});

test("nor does writing by others who have the same hosts", async () => {
	const outcomes = new Set<string>();
	for (const isRecorded of [false, true]) {
		for (let turns = 0; turns < 80; turns++) {
			const what = `${isRecorded}, ${turns}`;
			const shared = sharedHosts();
			const namespaces = await openNamespaces(hostsWith(() => turn(), shared));
			const others = await openNamespaces(hostsWith(() => turn(), shared));
			if (!isRecorded) await others.create("aa");
			const store = isRecorded ? await emptied(others) : await others.open("aa");
			const deleting = namespaces.delete("aa");
			const writing = later(turns).then(() => store.publish("s", "g", "x"));
			const [deleted, written] = await Promise.allSettled([deleting, writing]);
			outcomes.add(`${deleted.status}, ${written.status}`);
			if (written.status === "fulfilled") assert.ok(await holds(namespaces, "g"), what);
			else assert.ok(isStreamkitError(written.reason, "CONFLICT") && written.reason.retryable, what);
			if (deleted.status === "rejected") {
				assert.ok(isStreamkitError(deleted.reason, "NOT_EMPTY"), `${what}: ${deleted.reason}`);
				await store.publish("s", "h", "the store stays open");
			}
			await namespaces.close();
			await others.close();
		}
	}
	assert.ok(outcomes.has("rejected, fulfilled") && outcomes.has("fulfilled, rejected"), [...outcomes].join("; "));
});

test("who comes too late to keep others from writing to a namespace leaves nothing that does", async () => {
	const shared = sharedHosts();
	const { promise: marking, resolve: isMarking } = withResolvers();
	const { promise: going, resolve: go } = withResolvers();
	const namespaces = await openNamespaces(
		hostsWith(async (call, name) => {
			if (call !== "commit" || name !== "aa") return;
			isMarking();
			await going;
		}, shared),
	);
	const others = await openNamespaces(shared);
	await emptied(others);
	const deleting = refuses("NOT_EMPTY", namespaces.delete("aa"));
	await marking;
	// Whoever opens it meanwhile gives it back before he writes.
	const store = await others.open("aa");
	await store.publish("s", "g", "1");
	go();
	await deleting;
	await store.publish("s", "g", "2");
	await namespaces.close();
	await others.close();
});

test("a deletion that is broken off before it is known that a namespace is empty removes nothing", async () => {
	// What others do first who find it.
	const uses: readonly (readonly [string, (others: Namespaces, open: Store) => Promise<unknown>])[] = [
		["write", (_, open) => open.publish("s", "g", "x")],
		["open", async (others) => (await others.open("aa")).publish("s", "g", "x")],
		["create", (others) => others.create("aa")],
		["delete", (others) => others.delete("aa")],
		["force", (others) => others.delete("aa", { force: true })],
	];
	for (const limits of kinds.slice(0, 3)) {
		for (const [name, use] of uses) {
			// Nothing keeps a store that is open elsewhere from writing there.
			if (name === "write" && limits !== kinds[0]) continue;
			for (let calls = 0, isDone = false; !isDone; calls++) {
				const what = `${JSON.stringify(limits)}, ${name}, ${calls}`;
				const shared = sharedHosts(limits);
				let left = Number.POSITIVE_INFINITY;
				const stopping = hostsWith(async () => {
					if (left-- <= 0) throw new Error("stopped");
				}, shared);
				const namespaces = await openNamespaces(stopping);
				const others = await openNamespaces(shared);
				const open = await emptied(others);
				left = calls;
				isDone = await namespaces.delete("aa").then(
					() => true,
					() => false,
				);
				const found = (await others.list()).includes("aa");
				const used = (): Promise<string> =>
					use(others, open).then(
						() => "done",
						(error) => error.code,
					);
				let result = await used();
				// Once, where it had been recorded before.
				if (name === "write" && result === "CONFLICT" && found) result = await used();
				if (name === "create" && found) assert.equal(result, "ALREADY_EXISTS", what);
				else if (name === "write" && !found) assert.ok(["done", "CONFLICT"].includes(result), what);
				else if (result !== "done") assert.ok(!found && result === "NOT_FOUND", `${what}: ${result}`);
				await (await others.open("aa")).publish("s", "h", "y");
				await refuses("NOT_EMPTY", others.delete("aa"));
				assert.ok(await holds(others, "h"), what);
				if ((name === "write" || name === "open") && result === "done") assert.ok(await holds(others, "g"), what);
				// Whoever was stopped goes on.
				left = Number.POSITIVE_INFINITY;
				await refuses("NOT_EMPTY", namespaces.delete("aa"));
				await (await namespaces.open("aa")).publish("s", "i", "z");
				assert.ok(await holds(others, "h"), what);
				await namespaces.close();
				await others.close();
			}
		}
	}
});

test("what is written while a namespace is looked at stays, wherever the look is broken off", async () => {
	for (const during of [2, 5, 8, 11, 14, 17, 20]) {
		for (let calls = during, isDone = false; !isDone; calls++) {
			const what = `${during}, ${calls}`;
			const shared = sharedHosts();
			const others = await openNamespaces(shared);
			const open = await emptied(others);
			let asked = Number.NEGATIVE_INFINITY;
			let written = false;
			const stopping = hostsWith(async () => {
				asked++;
				if (asked > calls) throw new Error("stopped");
				if (asked !== during) return;
				const refusal = await open.publish("s", "g", "x").catch((error) => error.code);
				written = refusal !== "CONFLICT";
			}, shared);
			const namespaces = await openNamespaces(stopping);
			asked = 0;
			const code = await namespaces.delete("aa").then(
				() => "deleted",
				(error) => error.code,
			);
			isDone = code !== "UNAVAILABLE";
			if (written) assert.notEqual(code, "deleted", what);
			if (written) assert.ok(await holds(others, "g"), what);
			await (await others.open("aa")).publish("s", "h", "y").catch((error) => assert.equal(error.code, "CONFLICT"));
			await (await others.open("aa")).publish("s", "i", "z");
			if (written) assert.ok(await holds(others, "g"), what);
			await refuses("NOT_EMPTY", others.delete("aa"));
			await namespaces.close();
			await others.close();
		}
	}
});

test("several deletions of one namespace at once delete it, and say so or that it is gone", async () => {
	for (const own of [true, false]) {
		for (const force of [true, false]) {
			for (let turns = 0; turns < 40; turns++) {
				const shared = sharedHosts();
				const namespaces = await openNamespaces(hostsWith(() => turn(), shared));
				const others = own ? namespaces : await openNamespaces(hostsWith(() => turn(), shared));
				await namespaces.create("aa");
				const results = await Promise.allSettled([
					namespaces.delete("aa"),
					later(turns).then(() => others.delete("aa", { force })),
				]);
				const what = `${own}, ${force}, ${turns}: ${results.map((result) => result.status).join()}`;
				assert.ok(results.some(({ status }) => status === "fulfilled"));
				for (const result of results) {
					if (result.status === "rejected") assert.ok(isStreamkitError(result.reason, "NOT_FOUND"), what);
				}
				assert.deepEqual(await namespaces.list(), ["default"], what);
				await namespaces.close();
				await others.close();
			}
		}
	}
});

test("deleting what another one deletes first is NOT_FOUND", async () => {
	for (const force of [true, false]) {
		const shared = sharedHosts();
		let isHeld = false;
		const { promise: held, resolve: reached } = withResolvers();
		const { promise: gate, resolve: goOn } = withResolvers();
		const slow = await openNamespaces(
			hostsWith(async (call, name) => {
				if (!isHeld || call !== "commit" || name !== "default") return;
				reached();
				await gate;
			}, shared),
		);
		await slow.create("aa");
		isHeld = true;
		const deleting = slow.delete("aa", { force });
		await held;
		const others = await openNamespaces(shared);
		await others.delete("aa");
		goOn();
		await refuses("NOT_FOUND", deleting);
		await slow.close();
		await others.close();
	}
});
