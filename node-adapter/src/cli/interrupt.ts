import { constants } from "node:os";
import { ExitCode } from "./exit-codes.js";

/** The program was asked to stop. */
export class Interrupted extends Error {
	readonly exitCode: number;

	constructor(signal: "SIGINT" | "SIGTERM") {
		super(`stopped by ${signal}`);
		this.exitCode = ExitCode.signal + constants.signals[signal];
	}
}

/** Whoever read our output has had enough, as `head` does. */
export class OutputClosed extends Error {
	constructor() {
		super("the reader of the output is gone");
	}
}

/** Turns signals into an AbortSignal; the second one ends the process at once. */
export function abortOnSignals(controller: AbortController): void {
	for (const name of ["SIGINT", "SIGTERM"] as const) {
		process.on(name, () => {
			const interrupted = new Interrupted(name);
			if (controller.signal.aborted) process.exit(interrupted.exitCode);
			controller.abort(interrupted);
		});
	}
}
