import assert from "node:assert/strict";
import { describe, mock, test } from "node:test";
import { azureTableHost } from "../src/azure.js";
import { memoryHost, openNamespaces, openStore } from "../src/entry/node.js";
import { isStreamkitError } from "../src/errors.js";
import type { HostBatch, HostKv } from "../src/host.js";
import { withResolvers } from "./support/with-resolvers.js";

const KEY = new TextEncoder().encode("INV\0SPACES\0s");
const BATCH: HostBatch = {
	checks: [],
	deletes: [],
	puts: [{ key: KEY, value: new Uint8Array([1]) }],
	durability: "strict",
};

interface Entity {
	partitionKey: string;
	rowKey: string;
}

const missing = Object.assign(new Error("not there"), { statusCode: 404, code: "ResourceNotFound" });
const busy = Object.assign(new Error("busy"), { statusCode: 503, code: "ServerBusy" });

/** A client of which only what matters answers; rows of the directory are always taken. */
function client(calls: {
	getEntity?: () => Promise<unknown>;
	submit?: (actions: readonly [string, Entity][]) => Promise<unknown>;
}) {
	return {
		getEntity: calls.getEntity ?? (() => Promise.reject(missing)),
		listEntities: () => ({ byPage: () => ({ next: async () => ({ done: false, value: [] }) }) }),
		submitTransaction: async (actions: readonly [string, Entity][]) => {
			if (actions[0]?.[1].partitionKey === "~d") return { subResponses: [] };
			return calls.submit?.(actions);
		},
	};
}

/** Lets the made-up time pass until the call is settled, and says how much of it did. */
async function settled(call: Promise<unknown>): Promise<{ error: unknown; milliseconds: number }> {
	let outcome: { error: unknown } | undefined;
	call.then(
		() => {
			outcome = { error: undefined };
		},
		(error: unknown) => {
			outcome = { error };
		},
	);
	for (let milliseconds = 0; ; milliseconds += 50) {
		await new Promise((resolve) => setImmediate(resolve));
		if (outcome !== undefined) return { ...outcome, milliseconds };
		assert(milliseconds < 120_000, "the call must end by itself");
		mock.timers.tick(50);
	}
}

async function withTimers(run: () => Promise<void>): Promise<void> {
	mock.timers.enable({ apis: ["setTimeout"] });
	try {
		await run();
	} finally {
		mock.timers.reset();
	}
}

describe("azureTableHost: arguments", () => {
	const good = client({});
	for (const [what, argument, call] of [
		["no client", "client", () => azureTableHost(undefined as never)],
		["bytes for a client", "client", () => azureTableHost(new Uint8Array(1) as never)],
		[
			"a client that cannot list",
			"client.listEntities",
			() => azureTableHost({ ...good, listEntities: undefined } as never),
		],
		["a prefix that is no text", "prefix", () => azureTableHost(good, { prefix: 1 as never })],
		["a prefix with a slash", "prefix", () => azureTableHost(good, { prefix: "a/b" })],
		["a prefix with a tilde", "prefix", () => azureTableHost(good, { prefix: "a~" })],
		["a prefix that is too long", "prefix", () => azureTableHost(good, { prefix: "p".repeat(65) })],
		["an interval below zero", "recoveryInterval", () => azureTableHost(good, { recoveryInterval: -1 })],
	] as const) {
		test(`${what} is refused by name`, () => {
			assert.throws(call, (error) => {
				assert(isStreamkitError(error, "INVALID_ARGUMENT"));
				assert.equal(error.details["argument"], argument);
				return true;
			});
		});
	}

	test("what is in the middle is taken", () => {
		const host = azureTableHost(good, { prefix: `${"p".repeat(60)}.-_9`, recoveryInterval: 0 });
		assert.equal(host.recoveryInterval, 0);
		assert.equal(azureTableHost(good).recoveryInterval, 300_000);
		assert.deepEqual(
			[host.limits.atomic, host.limits.checks, host.limits.consistent, host.limits.shared, host.limits.compress],
			["space", true, true, true, true],
		);
	});
});

describe("azureTableHost: deadlines", () => {
	test("a read that is never answered ends before the engine gives it up", () =>
		withTimers(async () => {
			let tries = 0;
			const host = azureTableHost(
				client({
					getEntity: () => {
						tries++;
						return new Promise(() => {});
					},
				}),
			);
			const { error, milliseconds } = await settled(Promise.resolve(host.get([KEY])));
			assert(isStreamkitError(error, "UNAVAILABLE"));
			assert.equal(error.details["applied"], false);
			assert.equal(error.retryable, true);
			assert(milliseconds >= 20_000 && milliseconds < 30_000, `it took ${milliseconds} ms`);
			assert.equal(tries, 3);
		}));

	test("a commit that is never answered may have been applied", () =>
		withTimers(async () => {
			let sent = 0;
			const host = azureTableHost(
				client({
					submit: () => {
						sent++;
						return new Promise(() => {});
					},
				}),
			);
			const { error, milliseconds } = await settled(Promise.resolve(host.commit(BATCH)));
			assert(isStreamkitError(error, "UNAVAILABLE"));
			assert.equal(error.details["applied"], "unknown");
			assert(milliseconds < 30_000, `it took ${milliseconds} ms`);
			assert.equal(sent, 3);
		}));

	test("a commit that is turned away every time was certainly not applied", () =>
		withTimers(async () => {
			let sent = 0;
			const host = azureTableHost(
				client({
					submit: () => {
						sent++;
						return Promise.reject(busy);
					},
				}),
			);
			const { error, milliseconds } = await settled(Promise.resolve(host.commit(BATCH)));
			assert(isStreamkitError(error, "UNAVAILABLE"));
			assert.equal(error.details["applied"], false);
			assert(milliseconds < 30_000, `it took ${milliseconds} ms`);
			// It is left alone longer and longer.
			assert(sent >= 8 && sent <= 60, `it was sent ${sent} times`);
		}));

	test("a service that is busy for a while delays a commit", () =>
		withTimers(async () => {
			let sent = 0;
			const host = azureTableHost(
				client({ submit: () => (++sent < 5 ? Promise.reject(busy) : Promise.resolve({ subResponses: [{}] })) }),
			);
			const { error } = await settled(Promise.resolve(host.commit(BATCH)));
			assert.equal(error, undefined);
			assert.equal(sent, 5);
		}));
});

describe("azureTableHost: answers that say less than they should", () => {
	test("an answer that is cut off is looked into", async () => {
		let row: Entity | undefined;
		let sent = 0;
		const host = azureTableHost({
			...client({
				submit: async ([action]) => {
					row = { ...(action?.[1] as Entity), etag: "1" } as Entity;
					sent++;
					return { subResponses: [] };
				},
			}),
			getEntity: async () => row ?? Promise.reject(missing),
		});
		assert.deepEqual(await host.commit(BATCH), { applied: true });
		assert.equal(sent, 1);
	});

	test("a conflict with ourselves is no conflict", async () => {
		const rows = new Map<string, Entity>();
		const host = azureTableHost({
			...client({
				// The first answer was lost inside of the client, the second try found what the first one wrote.
				submit: async (actions) => {
					for (const [, entity] of actions) rows.set(entity.rowKey, { ...entity, etag: "1" } as Entity);
					throw Object.assign(new Error("0:The specified entity already exists."), {
						statusCode: 409,
						code: "EntityAlreadyExists",
					});
				},
			}),
			getEntity: async (_: string, rowKey: string) => rows.get(rowKey) ?? Promise.reject(missing),
		});
		assert.deepEqual(await host.commit({ ...BATCH, checks: [{ key: KEY, value: undefined }] }), { applied: true });
	});
});

test("azureTableHost: first calls at once agree on the name of the table", async () => {
	const { promise: late, resolve: answer } = withResolvers();
	let looks = 0;
	let created = 0;
	const host = azureTableHost({
		...client({}),
		submitTransaction: async (actions: readonly [string, Entity][]) => {
			if (actions[0]?.[1].rowKey === "b") created++;
			return { subResponses: actions.map(() => ({})) };
		},
		// The first look at the table's name is answered last.
		getEntity: async (_: string, rowKey: string) => {
			if (rowKey === "b" && ++looks === 1) await late;
			throw missing;
		},
	});
	const batch = { ...BATCH, checks: [{ key: KEY, value: undefined }] };
	const first = host.commit(batch);
	assert.deepEqual(await host.commit(batch), { applied: true });
	answer();
	assert.deepEqual(await first, { applied: true });
	assert.equal(created, 1);
});

describe("azureTableHost: a directory row that is refused", () => {
	for (const [statusCode, code] of [
		[409, "EntityAlreadyExists"],
		[412, "UpdateConditionNotSatisfied"],
	] as const) {
		for (const there of [true, false]) {
			test(`${statusCode}, and the row ${there ? "is" : "is not"} there`, async () => {
				let sent = 0;
				const host = azureTableHost({
					...client({}),
					submitTransaction: async ([action]: readonly [string, Entity][]) => {
						if (action?.[1].partitionKey === "~d") throw Object.assign(new Error("0:refused"), { statusCode, code });
						sent++;
						return { subResponses: [{}] };
					},
					getEntity: async () => (there ? { etag: "1" } : Promise.reject(missing)),
				});
				if (there) {
					assert.deepEqual(await host.commit(BATCH), { applied: true });
				} else {
					await assert.rejects(
						async () => host.commit(BATCH),
						(error) => isStreamkitError(error, "UNAVAILABLE") && error.retryable && error.details["applied"] === false,
					);
				}
				assert.equal(sent, there ? 1 : 0);
			});
		}
	}
});

test("azureTableHost: closed is closed", async () => {
	const host = azureTableHost(client({}));
	await host.close?.();
	await host.close?.();
	assert.equal(host.recoveryInterval, 0);
	for (const call of [() => host.get([KEY]), () => host.commit(BATCH)]) {
		await assert.rejects(
			async () => call(),
			(error) => isStreamkitError(error, "CLOSED"),
		);
	}
});

describe("azureTableHost: a commit that the service refuses", () => {
	const coded = (statusCode: number, code: string) => ({ statusCode, code });
	for (const [what, answer, code, message, retryable] of [
		["there is no room", coded(507, "InsufficientStorage"), "QUOTA_EXCEEDED", /is full/, false],
		["the account is at its bound", coded(403, "AccountQuotaExceeded"), "QUOTA_EXCEEDED", /is full/, false],
		["the table is not there", coded(404, "TableNotFound"), "UNAVAILABLE", /does not exist/, false],
		[
			"the table is not there, said in OData",
			{ statusCode: 404, details: { odataError: { code: "TableNotFound" } } },
			"UNAVAILABLE",
			/does not exist/,
			false,
		],
		["the key is wrong", { statusCode: 401 }, "UNAVAILABLE", /denies access/, false],
		["the key may not write", coded(403, "AuthorizationFailure"), "UNAVAILABLE", /denies access/, false],
		["the request is too large", { statusCode: 413 }, "LIMIT_EXCEEDED", /takes no more/, false],
		["a value is too large", coded(400, "PropertyValueTooLarge"), "LIMIT_EXCEEDED", /takes no more/, false],
		["the table is being deleted", coded(409, "TableBeingDeleted"), "UNAVAILABLE", /refuses the request: 409/, true],
		["anything else", coded(400, "InvalidInput"), "UNAVAILABLE", /refuses the request: 400 InvalidInput/, false],
	] as const) {
		test(`${what}: ${code}`, async () => {
			let sent = 0;
			const submit = async (): Promise<never> => {
				sent++;
				throw Object.assign(new Error("refused"), answer);
			};
			await assert.rejects(
				async () => azureTableHost(client({ submit })).commit(BATCH),
				(error) => {
					assert(isStreamkitError(error, code), String(error));
					assert.match(error.message, message);
					assert.equal(error.retryable, retryable);
					assert.equal(error.details["applied"], false);
					return true;
				},
			);
			assert.equal(sent, 1);
		});
	}

	for (const [what, answer, applied] of [
		["no connection", { code: "ECONNREFUSED" }, false],
		["a connection that breaks", { code: "ECONNRESET" }, "unknown"],
		["too many requests", { statusCode: 429 }, false],
		["a service that is busy", { statusCode: 503, code: "ServerBusy" }, false],
		["a service that is out of order", { statusCode: 500, code: "InternalError" }, "unknown"],
		["a service that has no time", { statusCode: 408 }, "unknown"],
	] as const) {
		test(`${what}, again and again: applied is ${applied}`, () =>
			withTimers(async () => {
				let sent = 0;
				const submit = (): Promise<never> => {
					sent++;
					return Promise.reject(Object.assign(new Error("failed"), answer));
				};
				const { error } = await settled(Promise.resolve(azureTableHost(client({ submit })).commit(BATCH)));
				assert(isStreamkitError(error, "UNAVAILABLE"), String(error));
				assert.equal(error.details["applied"], applied);
				assert.equal(error.retryable, true);
				assert(sent > 1, `it was sent ${sent} times`);
			}));
	}
});

describe("recoveryInterval of a host", () => {
	const spaceHost = (recoveryInterval: number, looked: () => void): HostKv => {
		const inner = memoryHost({ limits: { atomic: "space" } });
		return {
			name: "counting",
			limits: inner.limits,
			recoveryInterval,
			get: (keys) => inner.get(keys),
			commit: (batch) => inner.commit(batch),
			scan(range) {
				if (Buffer.from(range.start).toString().startsWith("TXN\0")) looked();
				return inner.scan(range);
			},
		};
	};

	test("an open store looks for leftovers again and again", async () => {
		let looks = 0;
		const { promise: seen, resolve: enough } = withResolvers();
		// A wait keeps the process alive, which the looks do not.
		const alive = setInterval(() => {}, 1000);
		const store = await openStore(
			spaceHost(1, () => {
				// One look is that of opening.
				if (++looks === 4) enough();
			}),
		);
		await seen;
		await store.close();
		clearInterval(alive);
	});

	test("0: it looks when it is opened", async () => {
		let looks = 0;
		const store = await openStore(
			spaceHost(0, () => {
				looks++;
			}),
		);
		assert.equal(looks, 1);
		await store.close();
	});

	test("is asked for after every look, in a namespace too", { timeout: 60_000 }, async () => {
		let looks = 0;
		const { promise: asked, resolve } = withResolvers();
		const alive = setInterval(() => {}, 1000);
		const namespaces = await openNamespaces(() => {
			const host = spaceHost(1, () => {
				looks++;
			});
			const recoveryInterval = (): number => {
				// One look is that of opening.
				if (looks > 1) resolve();
				return 1;
			};
			return Object.defineProperty(host, "recoveryInterval", { get: recoveryInterval });
		});
		await namespaces.open("aa");
		await asked;
		await namespaces.close();
		clearInterval(alive);
	});

	test("must be a duration", async () => {
		await assert.rejects(openStore(spaceHost(-1, () => {})), (error) => {
			assert(isStreamkitError(error, "INVALID_ARGUMENT"));
			assert.match(error.message, /^host\.recoveryInterval: /);
			return true;
		});
	});
});
