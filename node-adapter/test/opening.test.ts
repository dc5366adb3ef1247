import assert from "node:assert/strict";
import { constants } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { StreamkitError } from "streamkit";
import { DirectoryHost } from "../src/directory/host.js";
import { nativeAddon } from "../src/directory/lmdb/addon.js";
import { coded, openFilesIn, temporaryDirectory } from "./support.js";

const READ_ONLY = 0x20000;

/** Runs where no transaction that only reads can be begun, for the reason of that code. */
function withoutReaders(code: number, run: () => void): void {
	const addon = nativeAddon as { Txn: typeof nativeAddon.Txn };
	const { Txn } = addon;
	addon.Txn = new Proxy(Txn, {
		construct(target, args) {
			if (args[1] === READ_ONLY) throw Object.assign(new Error("refused"), { code });
			return Reflect.construct(target, args) as object;
		},
	});
	try {
		run();
	} finally {
		addon.Txn = Txn;
	}
}

test("opening that fails when LMDB has opened its files leaves none of them open", {
	skip: process.platform !== "linux" && "needs to see open files",
}, async () => {
	const path = join(temporaryDirectory(), "store");
	await new DirectoryHost(path).close();
	withoutReaders(constants.errno.EAGAIN, () => {
		assert.throws(() => new DirectoryHost(path), coded("UNAVAILABLE"));
	});
	assert.deepEqual(openFilesIn(path), []);
	await new DirectoryHost(path).close();
	assert.deepEqual(openFilesIn(path), []);
});

test("a process of the same number that has the store open, in another container, is told as such", async () => {
	const path = join(temporaryDirectory(), "store");
	withoutReaders(constants.errno.EAGAIN, () => {
		assert.throws(
			() => new DirectoryHost(path),
			(error) =>
				coded("UNAVAILABLE", /a process of the same number has it open/)(error) &&
				(error as StreamkitError).retryable === false,
		);
	});
});
