import assert from "node:assert/strict";
import { type ChildProcess, type SpawnSyncReturns, spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { ChildResult } from "./support.js";

/** The program as npm installs it. */
export const PROGRAM = fileURLToPath(new URL("../bin/streamkit.js", import.meta.url));

/** For spawn: a program that hangs is killed, and its test fails. */
export const LIMIT = { timeout: 300_000, killSignal: "SIGKILL" } as const;

/** What the program prints with --json. */
export type Printed = {
	readonly [name in
		| "space"
		| "segment"
		| "sequence"
		| "timestamp"
		| "id"
		| "encoding"
		| "payload"
		| "metadata"
		| "offset"
		| "firstSequence"
		| "lastSequence"
		| "entries"
		| "segments"
		| "bytes"
		| "directory"
		| "pendingTransactions"
		| "warnings"
		| "limits"
		| "blocksBefore"
		| "blocksAfter"
		| "name"
		| "namespace"
		| "status"
		| "partition"
		| "partitions"
		| "count"
		| "trimmed"
		| "retention"
		| "headers"
		| "stream_id"
		| "first_id"
		| "last_id"
		| "message_count"
		| "size_bytes"]?: unknown;
};

/** Details of the errors that are looked into here. */
export interface Details {
	readonly expected?: number;
	readonly actual?: number;
	readonly line?: number;
	readonly stored?: number;
}

export interface CliOptions {
	/** Goes to standard input, which is then closed. Default: nothing. */
	readonly input?: string | Uint8Array;
	readonly env?: Readonly<Record<string, string>>;
	readonly cwd?: string;
	/** Called with each line on standard output. */
	readonly onLine?: (line: string, child: ChildProcess) => void;
	/** Leaves standard input open. */
	readonly keepInput?: boolean;
	/** Called at once. */
	readonly onStart?: (child: ChildProcess) => void;
}

/** The environment of a person who has set nothing. */
export function plainEnvironment(more: Readonly<Record<string, string>> = {}): Record<string, string | undefined> {
	const { STREAMKIT_DIR: _, NO_COLOR: __, FORCE_COLOR: ___, ...rest } = process.env;
	return { ...rest, ...more };
}

/** Runs the program in a process of its own, its output piped. */
export function cli(args: readonly string[], options: CliOptions = {}): Promise<ChildResult & { bytes: Buffer }> {
	const child = spawn(process.execPath, [PROGRAM, ...args], {
		cwd: options.cwd,
		env: plainEnvironment(options.env),
		stdio: ["pipe", "pipe", "pipe"],
		...LIMIT,
	});
	const parts: Buffer[] = [];
	let stderr = "";
	let line = "";
	child.stdout.on("data", (chunk: Buffer) => {
		parts.push(chunk);
		if (options.onLine === undefined) return;
		line += chunk.toString("utf8");
		for (let end = line.indexOf("\n"); end >= 0; end = line.indexOf("\n")) {
			options.onLine(line.slice(0, end), child);
			line = line.slice(end + 1);
		}
	});
	child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
		stderr += chunk;
	});
	// The program may end before it has read everything.
	child.stdin.on("error", () => {});
	if (options.input !== undefined) child.stdin.write(options.input);
	if (options.keepInput !== true) child.stdin.end();
	options.onStart?.(child);
	return new Promise((resolve, reject) => {
		child.on("error", reject);
		child.on("close", (code, signal) => {
			const bytes = Buffer.concat(parts);
			resolve({ code, signal, stdout: bytes.toString("utf8"), stderr, bytes });
		});
	});
}

/** Runs the program and expects it to be done; gives what it printed. */
export async function done(args: readonly string[], options?: CliOptions): Promise<string> {
	const { code, stdout, stderr } = await cli(args, options);
	assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
	return stdout;
}

/** The same with --json: the objects it printed. */
export async function objects(args: readonly string[], options?: CliOptions): Promise<Printed[]> {
	return parseLines(await done([...args, "--json"], options));
}

/** NDJSON as objects. */
export function parseLines(text: string): Printed[] {
	return text
		.split("\n")
		.filter((line) => line !== "")
		.map((line) => JSON.parse(line) as Printed);
}

/** Runs the program with --json and expects it to fail; gives the error it printed, having checked the exit code. */
export async function failure(
	exitCode: number,
	args: readonly string[],
	options?: CliOptions,
): Promise<{ code: string; message: string; details: Details }> {
	const { code, stdout, stderr } = await cli(["--json", ...args], options);
	assert.equal(code, exitCode, `${args.join(" ")}: ${stdout}${stderr}`);
	assert.equal(stderr.trimEnd().split("\n").length, 1, stderr);
	const error = JSON.parse(stderr) as { code: string; message: string; details: Details };
	assert.deepEqual(Object.keys(error), ["code", "message", "details"]);
	return error;
}

/** Evaluates a command in a shell, in which "sk" is the program. */
export function inShell(command: string): SpawnSyncReturns<string> {
	return spawnSync("/bin/sh", ["-c", `sk() { "${process.execPath}" "${PROGRAM}" "$@"; }; ${command}`], {
		env: plainEnvironment(),
		encoding: "utf8",
		stdio: ["ignore", "pipe", "pipe"],
		...LIMIT,
	});
}

/** Whether the program can be run on a terminal here. */
export function hasTerminal(): boolean {
	return spawnSync("script", ["--version"], { stdio: "ignore" }).status === 0;
}

/** Runs the program on a terminal; gives what appeared there. */
export function onTerminal(
	args: readonly string[],
	env: Readonly<Record<string, string>> = {},
	columns = 80,
): { code: number | null; screen: string } {
	const command = [process.execPath, PROGRAM, ...args].map((arg) => `'${arg.replaceAll("'", "'\\''")}'`).join(" ");
	const { status, stdout } = spawnSync("script", ["-qec", `stty columns ${columns}; exec ${command}`, "/dev/null"], {
		env: plainEnvironment({ TERM: "xterm-256color", ...env }),
		stdio: ["ignore", "pipe", "ignore"],
		encoding: "utf8",
	});
	return { code: status, screen: stdout };
}
