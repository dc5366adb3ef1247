import { spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import { dim, Problem, say } from "./console.mjs";
import { environment } from "./environment.mjs";
import { root } from "./root.mjs";

const line = (command, args) => [command, ...args].join(" ");

/**
 * Runs a command with its output shown; resolves to its exit code. `onLine` sees every line of its output as well.
 * One that takes longer than `minutes` is ended with all that it started, and is a Problem.
 */
export function exitCode(command, args, { cwd = root, env = {}, onLine, minutes } = {}) {
	return new Promise((resolve, reject) => {
		const child = spawn(command, args, {
			cwd,
			env: { ...environment(), ...env },
			stdio: onLine ? ["ignore", "pipe", "pipe"] : ["ignore", "inherit", "inherit"],
			// The leader of a group, so that what it starts can be ended along with it.
			detached: minutes !== undefined,
		});
		if (minutes !== undefined)
			endAfter(child, minutes, () => reject(new Problem(`${line(command, args)} did not end in ${minutes} minutes`)));
		if (onLine) {
			for (const [from, to] of [
				[child.stdout, process.stdout],
				[child.stderr, process.stderr],
			]) {
				createInterface({ input: from }).on("line", (text) => {
					to.write(`${text}\n`);
					onLine(text);
				});
			}
		}
		child.on("error", (error) =>
			error.code === "ENOENT" ? reject(new Problem(`${command} is not installed`)) : reject(error),
		);
		child.on("close", (code, signal) => resolve(code ?? (signal ? 1 : 0)));
	});
}

function endAfter(child, minutes, ended) {
	// It did not start: there is nothing to end, and no "close" to wait for.
	if (child.pid === undefined) return;
	const kill = () => {
		try {
			process.kill(-child.pid, "SIGKILL");
		} catch {
			// All of the group has ended; somebody else holds its output open.
		}
	};
	// A group of its own does not get the terminal's signals.
	const interrupted = () => {
		kill();
		process.exit(130);
	};
	const timer = setTimeout(() => {
		kill();
		ended();
	}, minutes * 60_000);
	for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, interrupted);
	// Not "exit": what it started may go on, and holds its output open.
	child.once("close", () => {
		clearTimeout(timer);
		for (const signal of ["SIGINT", "SIGTERM"]) process.off(signal, interrupted);
	});
}

/** Runs a command with its output shown; a non-zero exit is a Problem. */
export async function run(command, args, options) {
	say(dim(`$ ${line(command, args)}`));
	const code = await exitCode(command, args, options);
	if (code !== 0) throw new Problem(`${line(command, args)} exited with ${code}`);
}

/** The trimmed output of a command, or undefined when it fails or does not exist. */
export function output(command, args, { cwd = root } = {}) {
	const done = spawnSync(command, args, { cwd, env: environment(), encoding: "utf8" });
	return done.status === 0 ? done.stdout.trim() : undefined;
}
