import assert from "node:assert/strict";
import { test } from "node:test";
import { type HostKv, isStreamkitError, memoryHost, type Namespaces, openNamespaces } from "../src/entry/node.js";
import { refuses, rejection } from "./support/store.js";

type Calls = Partial<Record<"get" | "scan" | "commit", (...args: never[]) => unknown>>;

/** Namespaces with "aa" in them, on a host whose calls are replaced from then on. */
async function namespacesOver(calls: Calls): Promise<Namespaces> {
	const inner = memoryHost();
	const host = { name: "odd", limits: inner.limits } as Record<string, unknown>;
	let armed = false;
	for (const call of ["get", "scan", "commit"] as const) {
		const own = inner[call].bind(inner) as (given: never) => unknown;
		host[call] = (given: never) => ((armed && calls[call]) || own)(given);
	}
	const namespaces = await openNamespaces(() => ({ ...host }) as unknown as HostKv, { hostTimeout: 50 });
	await namespaces.create("aa");
	armed = true;
	return namespaces;
}

const uses: readonly (readonly [keyof Calls, string, (namespaces: Namespaces) => Promise<unknown>])[] = [
	["scan", "list", (namespaces) => namespaces.list()],
	["get", "open", (namespaces) => namespaces.open("aa")],
	["get", "create", (namespaces) => namespaces.create("bb")],
	["get", "delete", (namespaces) => namespaces.delete("aa", { force: true })],
	["commit", "create", (namespaces) => namespaces.create("bb")],
	["commit", "delete", (namespaces) => namespaces.delete("aa", { force: true })],
];

test("calls of namespaces end with UNAVAILABLE when their host does not answer in time", async () => {
	for (const [call, name, use] of uses) {
		const namespaces = await namespacesOver({ [call]: () => new Promise(() => {}) });
		const error = await refuses("UNAVAILABLE", use(namespaces), /took longer than 50 ms/);
		assert.equal(error.details["applied"], "unknown", `${name}, ${call}`);
	}
});

test("rubbish that the host of namespaces answers is UNAVAILABLE", async () => {
	const rubbish = [undefined, null, 5, {}, [], ["x"], { applied: "yes" }, { keys: 5, values: 5, more: true }];
	for (const [call, name, use] of uses) {
		for (const answer of rubbish) {
			for (const given of [() => answer, async () => answer]) {
				const error = await rejection(use(await namespacesOver({ [call]: given })));
				assert.ok(isStreamkitError(error, "UNAVAILABLE"), `${name}, ${call}: ${String(error)}`);
				assert.match(error.message, new RegExp(`^host "odd": ${call} answered wrongly: `));
			}
		}
	}
});

test("namespaces give up on a host that never lets them go on", async () => {
	const most = (calls: number) => {
		let left = calls;
		return () => assert.ok(left-- > 0, "the host is asked without end");
	};
	const once = most(1000);
	const refusing = await namespacesOver({
		commit: () => {
			once();
			return { applied: false, check: 0, current: undefined };
		},
	});
	const conflict = await refuses("CONFLICT", refusing.create("bb"));
	assert.ok(conflict.retryable);
	const twice = most(1000);
	const repeating = await namespacesOver({
		scan: () => {
			twice();
			return { keys: [Buffer.from("NSP\0a")], values: [new Uint8Array([1])], more: true };
		},
	});
	await refuses("UNAVAILABLE", repeating.list(), /scan answered wrongly: key 0 is outside of the range/);
	const thrice = most(5000);
	const keeping = await namespacesOver({
		commit: () => {
			thrice();
			return { applied: true };
		},
	});
	// What is said to be removed is listed for ever.
	await keeping.delete("aa", { force: true });
});
