import { compareBytes, isUint8Array } from "../common/bytes.js";
import { fromHost, StreamkitError } from "../errors.js";
import type { Health, HostCommit, HostKv, ScanPage, ScanRange } from "../host.js";
import type { MaybePromise } from "../types.js";

/** Whether it is awaited: of another realm, or merely something with a `then`, counts as well. */
export function isPromise<T>(value: MaybePromise<T>): value is Promise<T> {
	return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}

/** Takes the outcome of what nobody waits for: where it fails, nobody else would, and Node would end the process. */
export function unheeded(value: unknown): void {
	if (isPromise(value)) Promise.resolve(value).catch(() => {});
}

/** What looks at a host's answers: gives what was looked at, and throws where it breaks the host's contract. */
export function answerChecks({ name, limits }: HostKv) {
	const { maxKeyBytes } = limits;
	const broken = (call: string, rule: string): StreamkitError =>
		new StreamkitError("UNAVAILABLE", `host "${name}": ${call} answered wrongly: ${rule}`, {
			details: { host: name, rule, applied: "unknown" },
			// The same call would be answered the same way by a host that is broken, but a flaky one may recover.
			retryable: true,
		});

	return {
		get(values: readonly (Uint8Array | undefined)[], count: number): readonly (Uint8Array | undefined)[] {
			if (!Array.isArray(values)) throw broken("get", "the answer must be an array");
			if (values.length !== count) throw broken("get", `${count} keys were asked for, ${values.length} values came`);
			for (let i = 0; i < count; i++) {
				const value: unknown = values[i];
				if (value !== undefined && !isUint8Array(value))
					throw broken("get", `value ${i} is neither a Uint8Array nor undefined`);
			}
			return values;
		},

		scan(page: ScanPage, range: ScanRange): ScanPage {
			if (typeof page !== "object" || page === null) throw broken("scan", "the answer must be an object");
			const { keys, values, more } = page;
			if (!Array.isArray(keys) || !Array.isArray(values)) throw broken("scan", "keys and values must be arrays");
			if (typeof more !== "boolean") throw broken("scan", "more must be true or false");
			if (keys.length > range.limit)
				throw broken("scan", `at most ${range.limit} pairs were asked for, ${keys.length} came`);
			if (more && keys.length === 0) throw broken("scan", "more pairs are announced but none came");
			const hasValues = range.keysOnly !== true;
			if (values.length !== (hasValues ? keys.length : 0)) {
				throw broken("scan", hasValues ? "there must be as many values as keys" : "keysOnly must give no values");
			}
			let last: Uint8Array | undefined;
			for (let i = 0; i < keys.length; i++) {
				const key: unknown = keys[i];
				if (!isUint8Array(key)) throw broken("scan", `key ${i} is not a Uint8Array`);
				if (compareBytes(key, range.start) < 0 || compareBytes(key, range.end) >= 0)
					throw broken("scan", `key ${i} is outside of the range`);
				if (last !== undefined && compareBytes(last, key) !== (range.reverse === true ? 1 : -1))
					throw broken("scan", `key ${i} is out of order`);
				// Between any two keys there are longer ones without end.
				if (key.length > maxKeyBytes) throw broken("scan", `key ${i} is longer than limits.maxKeyBytes`);
				last = key;
				if (hasValues && !isUint8Array(values[i])) throw broken("scan", `value ${i} is not a Uint8Array`);
			}
			return { keys, values, more };
		},

		commit(answer: HostCommit, checks: number): HostCommit {
			if (typeof answer !== "object" || answer === null) throw broken("commit", "the answer must be an object");
			if (answer.applied === true) return answer;
			if (answer.applied !== false) throw broken("commit", "applied must be true or false");
			const { check, current } = answer;
			if (!Number.isInteger(check) || check < 0 || check >= checks)
				throw broken("commit", "check must be the index of a check");
			if (current !== undefined && !isUint8Array(current))
				throw broken("commit", "current is neither a Uint8Array nor undefined");
			return { applied: false, check, current };
		},
	};
}

/** What a host's call gives, within the time that it has; all that goes wrong is an error of ours. */
export async function hostCall<T>(
	{ name }: HostKv,
	call: string,
	hostTimeout: number,
	start: () => MaybePromise<T>,
): Promise<T> {
	let timer: ReturnType<typeof setTimeout> | undefined;
	try {
		const answer = start();
		if (!isPromise(answer) || hostTimeout === 0) return await answer;
		const late = new Promise<never>((_, reject) => {
			const expire = (): void => reject(new Error(`it took longer than ${hostTimeout} ms`));
			timer = setTimeout(expire, Math.min(hostTimeout, 0x7fffffff));
		});
		return await Promise.race([answer, late]);
	} catch (error) {
		throw fromHost(error, name, call);
	} finally {
		clearTimeout(timer);
	}
}

const HEALTH = { persisted: "boolean", usage: "number", quota: "number", evicted: "boolean" } as const;

/** What there is of a host's health: nothing that the contract does not know, or of another type. */
export function readHealth(own: Partial<Health> | null | undefined): Partial<Health> {
	const health: Record<string, unknown> = {};
	for (const [name, type] of Object.entries(HEALTH)) {
		const value = own?.[name as keyof typeof HEALTH];
		if (typeof value === type && !Number.isNaN(value)) health[name] = value;
	}
	const warnings: unknown = own?.warnings ?? [];
	if (!Array.isArray(warnings)) throw new Error("warnings must be an array");
	return { ...health, warnings: warnings.filter((warning) => typeof warning === "string") };
}
