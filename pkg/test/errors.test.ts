import assert from "node:assert/strict";
import { test } from "node:test";
import { fromEngine, fromHost, isStreamkitError, StreamkitError } from "../src/errors.js";

test("an error carries code, details and whether to retry", () => {
	const error = new StreamkitError("SEQUENCE_MISMATCH", "text", { details: { expected: 3, actual: 5 }, cause: 7 });
	assert.ok(error instanceof Error);
	assert.equal(error.name, "StreamkitError");
	assert.equal(error.code, "SEQUENCE_MISMATCH");
	assert.equal(error.retryable, false);
	assert.deepEqual(error.details, { expected: 3, actual: 5 });
	assert.equal(error.cause, 7);
	assert.match(String(error.stack), /StreamkitError|Error: text/);
});

test("lost races and failing hosts are worth trying again unless they say otherwise", () => {
	assert.equal(new StreamkitError("CONFLICT", "").retryable, true);
	assert.equal(new StreamkitError("UNAVAILABLE", "").retryable, true);
	assert.equal(new StreamkitError("CORRUPT", "").retryable, false);
	assert.equal(new StreamkitError("CONFLICT", "", { retryable: false }).retryable, false);
	assert.deepEqual(new StreamkitError("CLOSED", "").details, {});
	const none = new StreamkitError("CONFLICT", "", { details: undefined, retryable: undefined });
	assert.deepEqual([none.details, none.retryable], [{}, true]);
});

test("errors are told by brand and code, not by class", async () => {
	const error = new StreamkitError("CLOSED", "closed");
	assert.ok(isStreamkitError(error));
	assert.ok(isStreamkitError(error, "CLOSED"));
	assert.ok(!isStreamkitError(error, "CORRUPT"));
	for (const other of [undefined, null, "CLOSED", new Error("closed"), { code: "CLOSED" }])
		assert.ok(!isStreamkitError(other));
	// A second copy of the module, as another bundle would hold it.
	const copy = (await import(`../src/errors.js?${Date.now()}`)) as typeof import("../src/errors.js");
	const foreign = new copy.StreamkitError("CLOSED", "closed");
	assert.ok(isStreamkitError(foreign, "CLOSED"));
});

test("a code that an error does not have leaves it an error", () => {
	const advice = (error: unknown): string => {
		if (!isStreamkitError(error)) return "not ours";
		if (isStreamkitError(error, "CONFLICT")) {
			const code: "CONFLICT" = error.code;
			return code;
		}
		if (isStreamkitError(error, "NOT_FOUND")) return "create it";
		return error.code;
	};
	const codes = ["CONFLICT", "NOT_FOUND", "CLOSED"] as const;
	assert.deepEqual(
		codes.map((code) => advice(new StreamkitError(code, ""))),
		["CONFLICT", "create it", "CLOSED"],
	);
});

test("the engine's answers become errors", () => {
	const error = fromEngine({ code: "CONFLICT", message: "another store", details: { id: "x" }, retryable: false });
	assert.ok(isStreamkitError(error, "CONFLICT"));
	assert.equal(error.message, "another store");
	assert.equal(error.retryable, false);
	assert.deepEqual(error.details, { id: "x" });
	assert.equal(fromEngine({ code: "UNAVAILABLE", message: "m" }).retryable, true);
	for (const rubbish of [undefined, null, 3, "text", { code: "NONSENSE" }, {}, new Error("boom")]) {
		const made = fromEngine(rubbish);
		assert.equal(made.code, "UNAVAILABLE");
		assert.equal(made.details["applied"], "unknown");
	}
});

test("what a host throws keeps its code or becomes UNAVAILABLE that names the host", () => {
	const own = new StreamkitError("QUOTA_EXCEEDED", "full");
	assert.equal(fromHost(own, "h", "commit"), own);
	assert.equal(fromHost({ code: "QUOTA_EXCEEDED", message: "full" }, "h", "commit").code, "QUOTA_EXCEEDED");
	const cause = new TypeError("no");
	const error = fromHost(cause, "disk", "get");
	assert.equal(error.code, "UNAVAILABLE");
	assert.equal(error.cause, cause);
	assert.equal(error.message, 'host "disk": get failed: no');
	assert.equal(error.details["applied"], "unknown");
	assert.equal(fromHost(Object.create(null), "disk", "get").code, "UNAVAILABLE");
});

test("details that no error of a code lacks have their types", () => {
	const error: unknown = new StreamkitError("SEQUENCE_MISMATCH", "", { details: { expected: 3, actual: 5 } });
	const sum: number = isStreamkitError(error, "SEQUENCE_MISMATCH") ? error.details.expected + error.details.actual : 0;
	assert.equal(sum, 8);
	const other: unknown = new StreamkitError("UNAVAILABLE", "");
	// @ts-expect-error: not all errors have these.
	assert.equal(isStreamkitError(other) && other.details.actual, undefined);
});
