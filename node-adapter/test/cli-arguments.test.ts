import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { done, inShell, objects } from "./cli-support.js";
import { temporaryDirectory } from "./support.js";

const REPLACEMENT = "\ufffd";
const noBytes = existsSync("/proc/self/cmdline") ? false : "needs to know the bytes of the command line";

test("an argument that is not UTF-8 is refused, and nothing is made", { skip: noBytes }, () => {
	const parent = temporaryDirectory();
	const dir = join(parent, "store");
	for (const [number, command] of [
		[5, `stream append s "$(printf 'a\\377')" --dir "${dir}"`],
		[4, `stream append "$(printf '\\303')" x --dir "${dir}"`],
		[7, `publish s a x --dir "${dir}$(printf '\\377')"`],
		[7, `publish s a --dir "${dir}" "--metadata=a=$(printf '\\377')" "${REPLACEMENT}"`],
	] as const) {
		const { status, stderr } = inShell(`sk --json ${command}`);
		assert.equal(status, 2, command);
		const { message } = JSON.parse(stderr) as { message: string };
		assert.match(
			message,
			new RegExp(`^command line: argument ${number}, ".*", is not UTF-8: give it on standard input$`),
		);
	}
	assert.deepEqual(readdirSync(parent), []);
});

test("the character that stands for what is no text may be typed", async () => {
	const dir = join(temporaryDirectory(), "store");
	await done(["stream", "append", "s", `a${REPLACEMENT}`, "--dir", dir]);
	const [record] = await objects(["stream", "read", "s", "--dir", dir]);
	assert.equal(record?.payload, `a${REPLACEMENT}`);
});

test("the help of what takes a payload says how to give other bytes", async () => {
	for (const words of [["publish"], ["stream", "append"]]) {
		assert.match(await done([...words, "--help"]), /other bytes are given on standard input/);
	}
});
