import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** What a measuring process sends when it is done. */
type Answer<T> = { readonly result: T } | { readonly error: string };

/** Runs one of the programs beside this file in a fresh process, and gives what it answers. */
export async function inProcess<T>(program: string, args: readonly string[]): Promise<T> {
	const path = fileURLToPath(new URL(program, import.meta.url));
	const child = fork(path, [...args], {
		execArgv: ["--expose-gc", "--max-old-space-size=8192"],
		stdio: ["ignore", "inherit", "inherit", "ipc"],
	});
	let answer: Answer<T> | undefined;
	child.on("message", (message) => {
		answer = message as Answer<T>;
	});
	const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
	if (answer === undefined) throw new Error(`${program} ended with ${signal ?? `exit code ${code}`}`);
	if ("error" in answer) throw new Error(answer.error);
	return answer.result;
}

/** The other end: does the work of this process, and sends what it gave. */
export async function answer(work: () => Promise<unknown>): Promise<void> {
	let message: Answer<unknown>;
	try {
		message = { result: await work() };
	} catch (error) {
		message = { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
	}
	if (process.send === undefined) process.stdout.write(`${JSON.stringify(message, undefined, 2)}\n`);
	else process.send(message, () => process.disconnect());
}
