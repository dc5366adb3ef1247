import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { openDirectory } from "../src/directory/open-directory.js";
import { cli, done, failure, hasTerminal, objects, onTerminal, PROGRAM, plainEnvironment } from "./cli-support.js";
import { publicDirectory, temporaryDirectory } from "./support.js";

const NOBODY = 65534;
const isRoot = process.getuid?.() === 0;
const noTerminal = hasTerminal() ? false : "needs the program script";
const ESCAPE = "\u001b";
const plain = (text: string): void => assert.ok(!text.includes(ESCAPE), JSON.stringify(text));

const COMMANDS = [
	...["publish", "produce", "consume", "peek", "spaces", "segments", "status", "stream", "ns"],
	...["health", "compact", "verify", "export", "import"],
];

const dir = join(temporaryDirectory(), "store");
const TOTAL = 20_000;

before(async () => {
	const store = await openDirectory(dir);
	const records = Array.from({ length: TOTAL }, (_, i) => ({ payload: `entry ${i + 1}` }));
	await store.produce("s", "a", records);
	await store.close();
});

test("--version prints the package's version", async () => {
	const text = readFileSync(fileURLToPath(new URL("../package.json", import.meta.url)), "utf8");
	assert.equal(await done(["--version"]), `${(JSON.parse(text) as { version: string }).version}\n`);
});

test("--help lists all commands and the exit codes, and each command has help with examples", async () => {
	const help = await done(["--help"]);
	for (const command of COMMANDS) assert.match(help, new RegExp(`^  ${command}[ |]`, "m"));
	assert.match(help, /Exit codes:/);
	assert.match(help, /STREAMKIT_DIR/);
	const texts = await Promise.all(COMMANDS.map((command) => done([command, "--help"])));
	for (const [i, text] of texts.entries()) {
		assert.match(text, new RegExp(`^Usage: streamkit ${COMMANDS[i]}[ |]`));
		assert.match(text, new RegExp(`Examples?:\n  \\$ [^\\n]*streamkit ${COMMANDS[i]}`), text);
		assert.match(text, /--dir <path>/);
		plain(text);
	}
	assert.equal(await done(["help", "consume"]), texts[2]);
	assert.match(texts[1] ?? "", /--time-by <field>[\s\S]*holds\s+the\s+whole\s+input\s+in\s+memory/);
});

test("wrong usage is exit code 2, as text and as JSON", async () => {
	const none = await cli([]);
	assert.equal(none.code, 2);
	assert.match(none.stderr, /^Usage: streamkit/);
	assert.match((await failure(2, [])).message, /a command is missing/);
	const cases: [string[], RegExp][] = [
		[["frobnicate"], /unknown command 'frobnicate'/],
		[["spaces", "--frob"], /unknown option '--frob'/],
		[["publish", "s"], /missing required argument 'segment'/],
		[["spaces", "--dir"], /argument missing/],
		[["spaces", "--limit", "many"], /^--limit:/],
		[["publish", "s", "a", "x", "--durability", "perhaps"], /Allowed choices are strict, relaxed/],
	];
	for (const [args, message] of cases) {
		const error = await failure(2, args);
		assert.equal(error.code, "INVALID_ARGUMENT");
		assert.match(error.message, message);
		const people = await cli(args);
		assert.equal(people.code, 2);
		assert.match(people.stderr, /^error: .*\(INVALID_ARGUMENT\)\nSee streamkit --help/);
		assert.equal(people.stdout, "");
	}
});

test("errors are JSON wherever the option stands, also as one of several letters", async () => {
	const path = join(temporaryDirectory(), "none");
	for (const args of [
		["spaces", "--bogus", "-j"],
		["spaces", "-jd", path, "--bogus"],
		["-jd", path, "stream", "read", "e", "--bogus"],
		["frobnicate", "-jd", path],
		["stream", "read", "-jd", path],
		["publish", "s", "-jd", path],
		["spaces", "--limit", "x", `-jd${path}`],
		["-j"],
	]) {
		const { code, stderr } = await cli(args);
		assert.equal(code, 2, args.join(" "));
		assert.equal((JSON.parse(stderr) as { code: string }).code, "INVALID_ARGUMENT");
	}
	for (const args of [
		["spaces", `-d${path}`, "--bogus", "--", "-j"],
		["spaces", "-dj", "--bogus"],
	]) {
		assert.match((await cli(args)).stderr, /^error: .*--bogus/);
	}
});

test("a mistyped word is told in one line, with what it may stand for, and an option by its long name", async () => {
	const typed = await cli(["publsh", "s", "a", "x"]);
	assert.match(typed.stderr, /^error: command line: unknown command 'publsh' \(Did you mean publish\?\) \(INVALID_/);
	const { details } = await failure(2, ["stream", "read", "s", "--start", "1-0", "--after", "1-0"]);
	assert.equal((details as { argument?: unknown }).argument, "--after");
});

test("a directory out of reach is exit code 5", { skip: !isRoot && "needs to become another user" }, async () => {
	const parent = publicDirectory();
	const closed = join(parent, "closed");
	mkdirSync(closed);
	chmodSync(closed, 0o700);
	const as = (args: readonly string[]) =>
		new Promise<{ code: number | null; stderr: string }>((resolve) => {
			const child = spawn(process.execPath, [PROGRAM, ...args, "--json"], {
				cwd: "/",
				env: plainEnvironment(),
				uid: NOBODY,
				gid: NOBODY,
				stdio: ["ignore", "ignore", "pipe"],
			});
			let stderr = "";
			child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
				stderr += chunk;
			});
			child.on("close", (code) => resolve({ code, stderr }));
		});
	for (const args of [
		["publish", "s", "a", "x", "--dir", join(parent, "new")],
		["spaces", "--dir", closed],
		["spaces", "--dir", join(closed, "store")],
		["stream", "append", "s", "x", "--dir", join(parent, "new")],
		["stream", "read", "s", "-n", "staging", "--dir", closed],
		["ns", "create", "staging", "--dir", join(parent, "new")],
	]) {
		const { code, stderr } = await as(args);
		assert.equal(code, 5, `${args.join(" ")}: ${stderr}`);
		assert.equal(JSON.parse(stderr).code, "UNAVAILABLE");
		assert.match(JSON.parse(stderr).message, /^opening the store in \S+ failed: EACCES: .* \(not permitted\)$/);
	}
	const readOnly = join(parent, "read-only");
	await done(["publish", "s", "a", "x", "--dir", readOnly]);
	const reading = await as(["spaces", "--dir", readOnly]);
	assert.equal(reading.code, 5, reading.stderr);
	assert.match(JSON.parse(reading.stderr).message, /whoever reads a store must be allowed to write to it, too/);
	const own = join(parent, "own");
	mkdirSync(own);
	chownSync(own, NOBODY, NOBODY);
	assert.equal((await as(["publish", "s", "a", "x", "--dir", own])).code, 0);
});

test("no room is exit code 5", async () => {
	const path = join(temporaryDirectory(), "store");
	const quoted = `ulimit -f 8000; exec "${process.execPath}" "${PROGRAM}" produce s a --dir "${path}"`;
	const child = spawn("/bin/sh", ["-c", quoted], { env: plainEnvironment(), stdio: ["pipe", "ignore", "pipe"] });
	child.stdin.on("error", () => {});
	child.stdin.end(`"${"x".repeat(10_000)}"\n`.repeat(1000));
	let stderr = "";
	child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
		stderr += chunk;
	});
	const code = await new Promise((resolve) => child.on("close", resolve));
	assert.equal(code, 5, stderr);
	// LMDB was not asked to write, and had nothing to say.
	assert.match(stderr, /^error: line \d+: no room left .*; [\d,]+ entries were stored before \(QUOTA_EXCEEDED\)\n$/);
	assert.match(await done(["verify", "--dir", path]), /^ok: /);
});

test("a reader that has had enough ends it quietly", async () => {
	for (const args of ["consume s --json", "consume s", "export - --format ndjson"]) {
		const command = `"${process.execPath}" "${PROGRAM}" ${args} --dir "${dir}"; echo "code $?" >&2`;
		const child = spawn("/bin/sh", ["-c", `( ${command} ) | head -n 1`], { env: plainEnvironment() });
		let stdout = "";
		let stderr = "";
		child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
			stdout += chunk;
		});
		child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
			stderr += chunk;
		});
		await new Promise((resolve) => child.on("close", resolve));
		assert.match(stdout, /entry 1/, args);
		assert.equal(stderr, "code 0\n", args);
	}
});

test("output that cannot be written is exit code 5, help included", { skip: !existsSync("/dev/full") }, () => {
	for (const args of ["--help", "help publish", "--version", "stream --help", `peek s a --dir "${dir}"`]) {
		const command = `exec "${process.execPath}" "${PROGRAM}" ${args} > /dev/full`;
		const { status, stderr } = spawnSync("/bin/sh", ["-c", command], { env: plainEnvironment(), encoding: "utf8" });
		assert.equal(status, 5, args);
		assert.match(stderr, /^error: the output: ENOSPC\b.* \(QUOTA_EXCEEDED\)\n$/, args);
	}
	// Nothing to write, nothing to fail.
	const command = `exec "${process.execPath}" "${PROGRAM}" > /dev/full`;
	assert.equal(spawnSync("/bin/sh", ["-c", command], { env: plainEnvironment() }).status, 2);
});

test("a slow reader is waited for", async () => {
	const child = spawn(process.execPath, [PROGRAM, "consume", "s", "--json", "--dir", dir], {
		env: plainEnvironment(),
		stdio: ["ignore", "pipe", "inherit"],
	});
	let lines = 0;
	for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
		lines += chunk.toString("latin1").split("\n").length - 1;
		await new Promise((resolve) => setTimeout(resolve, 2));
	}
	assert.equal(lines, TOTAL);
});

test("--follow prints entries as another process stores them, and Ctrl-C ends it with 0", async () => {
	const path = join(temporaryDirectory(), "store");
	await done(["publish", "chat", "room", "before", "--dir", path]);
	const seen: unknown[] = [];
	let publishing: Promise<unknown> = Promise.resolve();
	const following = await cli(["consume", "chat", "--follow", "--json", "--dir", path], {
		onLine: (line, child) => {
			const { payload } = JSON.parse(line) as { payload: string };
			seen.push(payload);
			if (payload === "before") publishing = done(["publish", "chat", "room", "after", "--dir", path]);
			if (payload === "after") child.kill("SIGINT");
		},
	});
	await publishing;
	assert.deepEqual(seen, ["before", "after"]);
	assert.deepEqual([following.code, following.signal, following.stderr], [0, null, ""]);
});

test("--follow ends at its limit, and waits in a segment and in several spaces", async () => {
	const path = join(temporaryDirectory(), "store");
	await done(["publish", "x", "a", "1", "--dir", path]);
	const reads = [
		["consume", "x", "a"],
		["consume", "--spaces", "x,y"],
	].map((args) => objects([...args, "--follow", "--limit", "2", "--dir", path]));
	await new Promise((resolve) => setTimeout(resolve, 300));
	await done(["publish", "x", "a", "2", "--dir", path]);
	for (const entries of await Promise.all(reads)) {
		assert.deepEqual(
			entries.map(({ payload }) => payload),
			["1", "2"],
		);
	}
});

test("Ctrl-C elsewhere is 130, SIGTERM 143, SIGHUP 129, and what was stored stays", async () => {
	const line = '{"space":"s","segment":"a","payload":"x"}\n';
	for (const [signal, code, command, lines] of [
		["SIGINT", 130, "produce s a", 1],
		["SIGTERM", 143, "produce s a", 2],
		["SIGINT", 130, "import --format ndjson", 2],
		["SIGTERM", 143, "import", 1],
		["SIGHUP", 129, "produce s a", 1],
	] as const) {
		const path = join(temporaryDirectory(), "store");
		const result = await cli([...command.split(" "), "--dir", path], {
			keepInput: true,
			onStart: (child) => {
				child.stdin?.write(line.repeat(lines));
				const look = setInterval(() => {
					cli(["peek", "s", "a", "--dir", path]).then((peek) => {
						if (peek.code !== 0) return;
						clearInterval(look);
						child.kill(signal);
					}, assert.fail);
				}, 400);
			},
		});
		assert.deepEqual([result.code, result.signal], [code, null], result.stderr);
		assert.equal(result.stderr, lines === 1 ? "stopped; 1 entry is stored\n" : "stopped; 2 entries are stored\n");
		assert.equal((await objects(["consume", "s", "a", "--dir", path])).length, lines);
	}
});

test("several processes write to one directory that a program has open", async () => {
	const path = join(temporaryDirectory(), "store");
	const store = await openDirectory(path);
	await store.publish("s", "mine", "x");
	const input = Array.from({ length: 300 }, (_, i) => `{"n":${i}}\n`).join("");
	await Promise.all([
		...[1, 2].map(() => done(["produce", "s", "shared", "--dir", path], { input })),
		...Array.from({ length: 20 }, (_, i) => store.publish("s", "shared", `{"own":${i}}`)),
	]);
	const status = await store.getSegmentStatus("s", "shared");
	assert.equal(status?.lastSequence, 620);
	await store.close();
	assert.match(await done(["verify", "--dir", path]), /^ok: 621 entries/);
});

test("output that is no terminal has no colours and no bars", async () => {
	const { code, stdout, stderr } = await cli(["verify", "--dir", dir], { env: { FORCE_COLOR: "1" } });
	assert.equal(code, 0);
	plain(stdout + stderr);
	plain(await done(["consume", "s", "--limit", "3", "--dir", dir]));
});

test("a terminal has colours, unless NO_COLOR", { skip: noTerminal }, () => {
	const args = ["consume", "s", "--limit", "2", "--dir", dir];
	const coloured = onTerminal(args);
	assert.equal(coloured.code, 0);
	assert.ok(coloured.screen.includes(`${ESCAPE}[36ms/a${ESCAPE}[39m`), coloured.screen);
	plain(onTerminal(args, { NO_COLOR: "1" }).screen);
	plain(onTerminal([...args, "--json"]).screen);
});

test("a terminal shows a bar while a file is read, and takes it away", { skip: noTerminal }, () => {
	const path = join(temporaryDirectory(), "store");
	const file = join(temporaryDirectory(), "backup");
	assert.equal(onTerminal(["export", file, "--dir", dir]).code, 0);
	const { code, screen } = onTerminal(["import", file, "--dir", path]);
	assert.equal(code, 0, screen);
	assert.match(screen, /importing \[/);
	assert.ok(screen.includes(`${ESCAPE}[?25h`), "the cursor is shown again");
	assert.match(screen, /20,000 entries/);
	const dumb = onTerminal(["import", file, "--dir", `${path}-dumb`], { TERM: "dumb" });
	assert.equal(dumb.code, 0, dumb.screen);
	plain(dumb.screen);
	for (const columns of [60, 40, 20]) {
		const narrow = onTerminal(["import", file, "--dir", `${path}-${columns}`], {}, columns);
		assert.equal(narrow.code, 0, narrow.screen);
		// The cursor goes back to the first column before each state, and what is on the right is erased after it.
		const states = narrow.screen.split(`${ESCAPE}[1G`).filter((state) => state.startsWith("importing"));
		assert.ok(states.length > 0, narrow.screen);
		for (const state of states) {
			assert.match(state, /^importing (\[[#-]{5,30}\] )?\d+% /);
			assert.ok(columns === 20 || state.indexOf(`${ESCAPE}[0K`) <= columns, JSON.stringify(state));
		}
	}
	const refused = onTerminal(["export", "--dir", dir]);
	assert.equal(refused.code, 2);
	assert.match(refused.screen, /not for terminals/);
});
