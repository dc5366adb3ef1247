import { spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import { dim, Problem, say } from "./console.mjs";
import { environment } from "./environment.mjs";
import { root } from "./root.mjs";

const line = (command, args) => [command, ...args].join(" ");

/** Runs a command with its output shown; resolves to its exit code. `onLine` sees every line of its output as well. */
export function exitCode(command, args, { cwd = root, env = {}, onLine } = {}) {
	return new Promise((resolve, reject) => {
		const child = spawn(command, args, {
			cwd,
			env: { ...environment(), ...env },
			stdio: onLine ? ["ignore", "pipe", "pipe"] : ["ignore", "inherit", "inherit"],
		});
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
