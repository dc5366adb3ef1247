import { compareBytes, isUint8Array, toHex } from "../../common/bytes.js";
import { type ErrorCode, fromHost, type StreamkitError } from "../../errors.js";

export function assert(condition: boolean, message: string): asserts condition {
	if (!condition) throw new Error(message);
}

const SHOWN_BYTES = 64;

function show(value: Uint8Array | undefined): string {
	if (value === undefined) return "nothing";
	return value.length <= SHOWN_BYTES
		? `"${toHex(value)}"`
		: `"${toHex(value.subarray(0, SHOWN_BYTES))}..." of ${value.length} bytes`;
}

/** That two byte strings are equal, or both are absent. */
export function same(actual: Uint8Array | undefined, expected: Uint8Array | undefined, what: string): void {
	assert(actual === undefined || isUint8Array(actual), `${what}: must be a Uint8Array or undefined`);
	const equal =
		actual === undefined || expected === undefined ? actual === expected : compareBytes(actual, expected) === 0;
	assert(equal, `${what}: expected ${show(expected)}, got ${show(actual)}`);
}

/** That two values print alike as JSON. */
export function equal(actual: unknown, expected: unknown, what: string): void {
	const [got, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
	assert(got === wanted, `${what}: expected ${wanted}, got ${got}`);
}

/** What a call throws or rejects with; that it returns is an error. */
export async function thrown(call: () => unknown, what: string): Promise<unknown> {
	try {
		await call();
	} catch (error) {
		return error;
	}
	throw new Error(`${what}: must be refused`);
}

/** An error of Streamkit, be it of code that cannot import its class; nothing for any other. */
export function errorOf(thrown: unknown): StreamkitError | undefined {
	const error = fromHost(thrown, "under test", "a call");
	return (thrown as { code?: unknown } | null | undefined)?.code === error.code ? error : undefined;
}

/** That a call is refused with an error of that code. */
export async function refuses(code: ErrorCode, call: () => unknown, what: string): Promise<StreamkitError> {
	const cause = await thrown(call, what);
	const error = errorOf(cause);
	assert(error !== undefined, `${what}: must be refused with a StreamkitError, got ${String(cause)}`);
	assert(error.code === code, `${what}: must be refused with ${code}, got ${error.code} (${error.message})`);
	return error;
}
