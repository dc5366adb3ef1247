import { constants } from "node:os";
import { ExitCode } from "./exit-codes.js";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

type Signal = (typeof SIGNALS)[number];

/** The program was asked to stop. */
export class Interrupted extends Error {
	readonly signal: Signal;

	constructor(signal: Signal) {
		super(`stopped by ${signal}`);
		this.signal = signal;
	}

	get exitCode(): number {
		return ExitCode.signal + constants.signals[this.signal];
	}
}

/** Whoever read our output has had enough, as `head` does. */
export class OutputClosed extends Error {
	constructor() {
		super("the reader of the output is gone");
	}
}

const lastActs = new Set<() => void>();

/** What is to be done also where the process is ended at once; what takes time is not. Gives how to take it back. */
export function beforeEnd(act: () => void): () => void {
	lastActs.add(act);
	return () => lastActs.delete(act);
}

/**
 * Ends the process by a signal as if it had never been listened to: an exit would wait for calls to the system that
 * may never end.
 */
export function endBySignal(signal: Signal): void {
	for (const act of lastActs) act();
	for (const name of SIGNALS) process.removeAllListeners(name);
	process.kill(process.pid, signal);
}

/** Turns signals into an AbortSignal; the second one ends the process at once. */
export function abortOnSignals(controller: AbortController): void {
	for (const name of SIGNALS) {
		process.on(name, () => {
			if (controller.signal.aborted) endBySignal(name);
			else controller.abort(new Interrupted(name));
		});
	}
}
