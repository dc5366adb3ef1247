import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, constants, existsSync, openSync, readdirSync, writeSync } from "node:fs";
import { constants as system } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { openDirectory } from "../src/directory/open-directory.js";
import { cli, done, inShell, LIMIT, objects, PROGRAM, plainEnvironment } from "./cli-support.js";
import { temporaryDirectory } from "./support.js";

const noPipes = spawnSync("mkfifo", ["--version"], { stdio: "ignore" }).status === 0 ? false : "needs mkfifo";
const LINE = '{"space":"s","segment":"a","payload":"x"}\n';

const dir = join(temporaryDirectory(), "store");
let exported: number;

before(async () => {
	const store = await openDirectory(dir);
	const payload = randomBytes(1 << 20);
	const records = Array.from({ length: 64 }, () => ({ payload }));
	await store.produce("s", "a", records, { durability: "relaxed" });
	await store.close();
	exported = (await cli(["export", "--dir", dir])).bytes.length;
});

function pipe(): string {
	const path = join(temporaryDirectory(), "pipe");
	assert.equal(spawnSync("mkfifo", [path]).status, 0);
	return path;
}

/** Starts the program; gives the signals it gets once that is ready, and what a shell would say that it ended with. */
async function stopped(
	args: readonly string[],
	signals: readonly NodeJS.Signals[],
	ready: () => Promise<unknown>,
): Promise<{ code: number; stderr: string }> {
	const child = spawn(process.execPath, [PROGRAM, ...args], {
		env: plainEnvironment(),
		stdio: ["ignore", "ignore", "pipe"],
		...LIMIT,
	});
	let stderr = "";
	child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
		stderr += chunk;
	});
	const ended = new Promise<number>((resolve) => {
		child.on("close", (code, signal) => resolve(signal === null ? Number(code) : 128 + system.signals[signal]));
	});
	await ready();
	// All at once for a program that goes on.
	child.kill("SIGSTOP");
	for (const signal of signals) child.kill(signal);
	child.kill("SIGCONT");
	return { code: await ended, stderr };
}

test("a pipe that nobody opens at the other end does not keep the program from ending", { skip: noPipes }, async () => {
	const cases: [NodeJS.Signals, number, string[]][] = [
		["SIGINT", 130, ["import"]],
		["SIGTERM", 143, ["produce", "s", "a", "--file"]],
		["SIGHUP", 129, ["import", "--format", "ndjson"]],
		["SIGINT", 130, ["export"]],
		["SIGTERM", 143, ["export", "--format", "ndjson"]],
	];
	await Promise.all(
		cases.map(async ([signal, code, args]) => {
			// How far the program is, nothing tells: had it not come to the pipe yet, it would end as well.
			const result = await stopped([...args, pipe(), "--dir", dir], [signal], () => sleep(3000));
			assert.deepEqual(result, { code, stderr: "" }, args.join(" "));
		}),
	);
});

test("nor does a pipe whose other end rests", { skip: noPipes }, async () => {
	const path = pipe();
	const copy = join(temporaryDirectory(), "copy");
	// Reading as well: it is open at once.
	const other = openSync(path, constants.O_RDWR);
	try {
		writeSync(other, LINE);
		const stored = async (): Promise<void> => {
			while ((await cli(["peek", "s", "a", "--dir", copy])).code !== 0) await sleep(100);
		};
		const importing = await stopped(["import", path, "--dir", copy], ["SIGINT"], stored);
		assert.deepEqual(importing, { code: 130, stderr: "stopped; 1 entry is stored\n" });
		const exporting = await stopped(["export", path, "--dir", dir], ["SIGTERM"], () => sleep(3000));
		assert.deepEqual(exporting, { code: 143, stderr: "" });
	} finally {
		closeSync(other);
	}
});

test("an export that is stopped leaves no part of a file, however often it is told", async () => {
	for (const [code, signals] of [
		[129, ["SIGHUP"]],
		[130, ["SIGINT"]],
		[143, ["SIGTERM"]],
		[-1, ["SIGINT", "SIGTERM"]],
		[-1, ["SIGHUP", "SIGINT", "SIGTERM"]],
	] as const) {
		const parent = temporaryDirectory();
		const begun = async (): Promise<void> => {
			while (readdirSync(parent).length === 0) await sleep(0);
		};
		const result = await stopped(["export", join(parent, "backup"), "--dir", dir], signals, begun);
		// Of several, any may be the last one.
		if (code > 0) assert.equal(result.code, code);
		else assert.ok([129, 130, 143].includes(result.code), String(result.code));
		assert.deepEqual(readdirSync(parent), [], signals.join(" "));
	}
});

test("an exact export whose reader goes away is 141, quietly", () => {
	for (const [args, code] of [
		["export", 141],
		["export -", 141],
		["export /dev/stdout", 141],
		["export --format ndjson", 0],
		["export /dev/stdout --format ndjson", 0],
	] as const) {
		const { stdout, stderr } = inShell(`( sk ${args} --dir "${dir}"; echo "code $?" >&2 ) | head -c 1000 | wc -c`);
		assert.equal(stdout.trim(), "1000", args);
		assert.equal(stderr, `code ${code}\n`, args);
	}
});

test("an export holds nothing but itself where its file is standard output", () => {
	for (const path of ["/dev/stdout", "/dev/fd/1"]) {
		if (!existsSync(path)) continue;
		const { stdout, stderr } = inShell(`sk export ${path} --dir "${dir}" | wc -c`);
		assert.equal(Number(stdout), exported, path);
		assert.match(stderr, new RegExp(`^[\\d.]+ MB written to ${path}\n$`));
		assert.equal(inShell(`sk export ${path} --json --dir "${dir}" | wc -c`).stdout, stdout);
	}
});

test("a directory as standard input is refused, and nothing is stored", async () => {
	const parent = temporaryDirectory();
	const copy = join(parent, "copy");
	for (const [args, argument] of [
		["stream append s -", "payload"],
		["stream append s", "payload"],
		["publish s a -", "payload"],
		["produce s a", "--file"],
		["import", "file"],
	]) {
		const { status, stderr } = inShell(`sk ${args} --dir "${copy}" < "${parent}"`);
		assert.equal(status, 2, args);
		assert.match(stderr, new RegExp(`^error: ${argument}: standard input is a directory \\(INVALID_ARGUMENT\\)\n`));
	}
	assert.deepEqual(readdirSync(parent), []);
	await done(["stream", "append", "s", "-", "--dir", copy]);
	assert.equal((await objects(["stream", "read", "s", "--dir", copy]))[0]?.payload, "");
});
