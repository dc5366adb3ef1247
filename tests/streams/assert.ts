import { type ErrorCode, isStreamkitError, type StreamkitError } from "streamkit";

// Assertions without Node's modules, so that the cases run in browsers as well.

/** That a condition holds. */
export function ok(condition: boolean, what: string): asserts condition {
	if (!condition) throw new Error(`it must be that ${what}`);
}

/** That two values are the same all the way down, by their JSON. */
export function same(actual: unknown, expected: unknown, what = "values"): void {
	const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
	if (a !== b) throw new Error(`${what}: expected ${b}, got ${a}`);
}

/** That the promise rejects with that code, and a message that matches; the error. */
export async function refused(code: ErrorCode, run: Promise<unknown>, message = /./): Promise<StreamkitError> {
	let thrown: unknown;
	try {
		await run;
	} catch (error) {
		thrown = error;
	}
	if (thrown === undefined) throw new Error(`expected ${code}, but nothing was thrown`);
	if (!isStreamkitError(thrown, code)) throw new Error(`expected ${code}, got ${String(thrown)}`);
	if (!message.test(thrown.message)) throw new Error(`expected ${String(message)} in "${thrown.message}"`);
	return thrown;
}

/** What the promise rejects with, whatever it is. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
	try {
		await promise;
	} catch (error) {
		return error;
	}
	throw new Error("the promise was expected to reject");
}
