import assert from "node:assert/strict";
import fs from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openPlace, runIn, withNamespaces, writePlace } from "../src/cli/places.js";
import { type DirectoryKind, prepareDirectory } from "../src/directory/layout.js";
import { done, objects } from "./cli-support.js";
import { temporaryDirectory, withFileSystem } from "./support.js";

/** Runs while another program makes the directory one of that kind, just before this one does so. */
async function overtaken(directory: string, kind: DirectoryKind, run: () => Promise<void>): Promise<void> {
	const { mkdirSync } = fs;
	let isMade = false;
	const overtake = (path: fs.PathLike): void => {
		if (path === directory && !isMade) {
			isMade = true;
			prepareDirectory(directory, kind);
		}
		mkdirSync(path);
	};
	await withFileSystem({ mkdirSync: overtake as typeof mkdirSync }, run);
	assert.ok(isMade);
}

const payloads = async (dir: string, ...args: string[]): Promise<unknown[]> =>
	(await objects(["stream", "read", "s", ...args, "--dir", dir])).map(({ payload }) => payload);

test("a directory that another program makes one of the other kind meanwhile is looked at once more", async () => {
	for (const kind of ["store", "namespaces"] as const) {
		for (const name of kind === "store" ? ["foo", "default"] : [undefined]) {
			const options = name === undefined ? [] : ["-n", name];
			const written = join(temporaryDirectory(), "store");
			await overtaken(written, kind, () =>
				writePlace(written, name, {}, async ({ streams }) => {
					await streams.append("s", "x");
				}),
			);
			assert.deepEqual(await payloads(written, ...options), ["x"]);
			const opened = join(temporaryDirectory(), "store");
			await overtaken(opened, kind, async () => {
				await runIn(await openPlace(opened, name, {}), async ({ streams }) => {
					await streams.append("s", "y");
				});
			});
			assert.deepEqual(await payloads(opened, ...options), ["y"]);
		}
	}
	const created = join(temporaryDirectory(), "store");
	await overtaken(created, "store", () => withNamespaces(created, (namespaces) => namespaces.create("staging")));
	assert.equal(await done(["ns", "list", "--dir", created]), "default\nstaging\n");
});

test("programs that begin with different namespaces make one directory at once", async () => {
	const dir = join(temporaryDirectory(), "store");
	const numbers = ["1", "2", "3"];
	await Promise.all(
		numbers.flatMap((number) => [
			done(["stream", "append", "s", number, "--dir", dir]),
			done(["stream", "append", "s", number, "-n", "foo", "--dir", dir]),
		]),
	);
	assert.deepEqual((await payloads(dir)).sort(), numbers);
	assert.deepEqual((await payloads(dir, "-n", "foo")).sort(), numbers);
});
