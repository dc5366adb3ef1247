import { invalid } from "../errors.js";
import type { HostKv, HostLimits } from "../host.js";
import type { Durability, Lease, OpenOptions } from "../types.js";
import { isUuid } from "./bytes.js";
import { isWellFormed, utf8Length } from "./utf8.js";

/** Timestamps lie below this: 2^48 milliseconds. */
export const TIMESTAMP_END = 2 ** 48;

const MAX_NAME_BYTES = 128;
// Of a text that a message repeats.
const SHOWN = 40;

function show(value: unknown): string {
	if (typeof value === "string") return JSON.stringify(value.slice(0, SHOWN));
	if (Array.isArray(value)) return "an array";
	return value === Object(value) ? `a value of type ${typeof value}` : String(value);
}

function checkText(argument: string, value: string): void {
	if (!isWellFormed(value)) throw invalid(argument, "must be well-formed UTF-16 (no lone surrogates)");
	for (let i = 0; i < value.length; i++) {
		const code = value.charCodeAt(i);
		if (code <= 0x1f || code === 0x7f) {
			throw invalid(argument, "must not hold control characters (U+0000 to U+001F, U+007F)");
		}
	}
	if (value.length > MAX_NAME_BYTES || utf8Length(value) > MAX_NAME_BYTES) {
		throw invalid(argument, `must be at most ${MAX_NAME_BYTES} bytes of UTF-8`);
	}
}

/** The name of a space, segment, lease key or holder: 1 to 128 bytes of UTF-8 without control characters. */
export function checkName(argument: string, value: unknown): asserts value is string {
	// A name of plain ASCII, which nearly all are, is decided by this loop alone.
	if (typeof value === "string") {
		const length = value.length;
		if (length >= 1 && length <= MAX_NAME_BYTES) {
			let i = 0;
			while (i < length) {
				const code = value.charCodeAt(i);
				if (code <= 0x1f || code >= 0x7f) break;
				i++;
			}
			if (i === length) return;
		}
	} else {
		throw invalid(argument, `must be a string, got ${show(value)}`);
	}
	if (value === "") throw invalid(argument, "must not be empty");
	checkText(argument, value);
}

/** The start of a name, or where to go on after: as a name, but may be empty. */
export function optionalText(argument: string, value: unknown): string | undefined {
	if (value === undefined || value === "") return undefined;
	if (typeof value !== "string") throw invalid(argument, `must be a string, got ${show(value)}`);
	checkText(argument, value);
	return value;
}

/** A safe integer from min to max. */
export function checkInteger(
	argument: string,
	value: unknown,
	min: number,
	max = Number.MAX_SAFE_INTEGER,
): asserts value is number {
	if (typeof value !== "number" || !Number.isSafeInteger(value) || value < min || value > max) {
		const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
		throw invalid(argument, `must be a safe integer ${range}, got ${show(value)}`);
	}
}

/** As checkInteger, with a default for undefined. */
export function optionalInteger<T>(
	argument: string,
	value: unknown,
	min: number,
	fallback: T,
	max?: number,
): number | T {
	if (value === undefined) return fallback;
	checkInteger(argument, value, min, max);
	return value;
}

/** A span in milliseconds: a finite number, not negative. */
export function optionalDuration<T>(argument: string, value: unknown, fallback: T): number | T {
	if (value === undefined) return fallback;
	if (typeof value !== "number" || !Number.isFinite(value) || value < 0) {
		throw invalid(argument, `must be a number of milliseconds of at least 0, got ${show(value)}`);
	}
	return value;
}

/** true or false, with a default for undefined. */
export function optionalBoolean(argument: string, value: unknown, fallback: boolean): boolean {
	if (value === undefined) return fallback;
	if (typeof value !== "boolean") throw invalid(argument, `must be true or false, got ${show(value)}`);
	return value;
}

/** A function, or undefined. */
export function optionalFunction<T>(argument: string, value: T): T {
	if (value !== undefined && typeof value !== "function")
		throw invalid(argument, `must be a function, got ${show(value)}`);
	return value;
}

/** An options object; undefined is an empty one. */
export function optionsObject<T extends object>(value: T | undefined, argument = "options"): Partial<T> {
	if (value === undefined) return {};
	if (typeof value !== "object" || value === null) throw invalid(argument, `must be an object, got ${show(value)}`);
	return value;
}

/**
 * An object with values under names of its own. Not a list, and not what keeps its values to itself, as maps, headers
 * and dates do: it would pass for an empty one.
 */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
	if (typeof value !== "object" || value === null || Symbol.iterator in value) return false;
	// Classes of another realm are others: what is plain is known by there being nothing above its prototype.
	const prototype: unknown = Object.getPrototypeOf(value);
	return prototype === null || Object.getPrototypeOf(prototype) === null || Object.keys(value).length > 0;
}

/** The signal of an options object; throws its reason when it has fired. */
export function checkSignal(signal: AbortSignal | undefined, argument = "signal"): AbortSignal | undefined {
	if (signal === undefined) return undefined;
	// By shape: signals of another realm or of a polyfill are welcome.
	if (
		typeof signal !== "object" ||
		signal === null ||
		typeof signal.aborted !== "boolean" ||
		typeof signal.addEventListener !== "function" ||
		typeof signal.removeEventListener !== "function"
	) {
		throw invalid(argument, `must be an AbortSignal, got ${show(signal)}`);
	}
	if (signal.aborted) throw signal.reason;
	return signal;
}

/** How durable, or undefined. */
export function optionalDurability(value: unknown): Durability | undefined {
	if (value !== undefined && value !== "strict" && value !== "relaxed") {
		throw invalid("durability", `must be "strict" or "relaxed", got ${show(value)}`);
	}
	return value;
}

/** The caller's TRX, its id in lowercase. */
export function optionalTrx(value: unknown): { id: string; number: number } | undefined {
	if (value === undefined) return undefined;
	if (typeof value !== "object" || value === null)
		throw invalid("trx", `must be an object {id, number?}, got ${show(value)}`);
	const { id, number } = value as { id?: unknown; number?: unknown };
	if (typeof id !== "string" || !isUuid(id))
		throw invalid("trx.id", "must be a UUID such as 550e8400-e29b-41d4-a716-446655440000");
	if (id === "00000000-0000-0000-0000-000000000000") throw invalid("trx.id", "must not be the nil UUID");
	return { id: id.toLowerCase(), number: optionalInteger("trx.number", number, 1, 0) };
}

/** The lease to check, in the form the engine takes. */
export function optionalLease(
	value: Lease | undefined,
): { key: string; holder: string; fencingToken: number } | undefined {
	if (value === undefined) return undefined;
	if (typeof value !== "object" || value === null)
		throw invalid("lease", `must be a lease as withLease hands out, got ${show(value)}`);
	const { key, holder, fencingToken } = value;
	checkName("lease.key", key);
	checkName("lease.holder", holder);
	checkInteger("lease.fencingToken", fencingToken, 1);
	return { key, holder, fencingToken };
}

/** Something to iterate, synchronously or not. */
export function checkIterable(argument: string, value: unknown): void {
	const object = value as { [Symbol.iterator]?: unknown; [Symbol.asyncIterator]?: unknown } | null | undefined;
	if (
		typeof value !== "object" ||
		object === null ||
		object === undefined ||
		(typeof object[Symbol.iterator] !== "function" && typeof object[Symbol.asyncIterator] !== "function")
	) {
		throw invalid(argument, `must be an iterable or async iterable, got ${show(value)}`);
	}
}

/** The iterator of what checkIterable takes. */
export function iteratorOf<T>(
	argument: string,
	source: Iterable<T> | AsyncIterable<T>,
): Iterator<T> | AsyncIterator<T> {
	const later = source as AsyncIterable<T>;
	const isLater = typeof later[Symbol.asyncIterator] === "function";
	const iterator = isLater ? later[Symbol.asyncIterator]() : (source as Iterable<T>)[Symbol.iterator]();
	if (typeof (iterator as Partial<Iterator<T>> | null | undefined)?.next !== "function")
		throw invalid(argument, "must give an iterator, with a function next");
	return iterator;
}

/** What an iterator gives at a step. */
export function checkStep<T>(argument: string, step: IteratorResult<T, unknown>): IteratorResult<T, unknown> {
	if (typeof step !== "object" || step === null) throw invalid(argument, "must give {done, value} at each step");
	return step;
}

/** What an iterable gives: where it is none, that is the argument's fault; what it throws stays what it is. */
export function* itemsOf<T>(argument: string, source: Iterable<T>): Generator<T, void, void> {
	const iterator = iteratorOf(argument, source) as Iterator<T>;
	let isOpen = false;
	try {
		for (;;) {
			isOpen = false;
			const step = checkStep(argument, iterator.next());
			if (step.done === true) return;
			isOpen = true;
			yield step.value;
		}
	} finally {
		if (isOpen) iterator.return?.();
	}
}

const CALLS = ["get", "scan", "commit"] as const;
const OPTIONAL_CALLS = ["watch", "notify", "health", "close"] as const;
const SIZES = ["maxKeyBytes", "maxValueBytes", "maxBatchOps", "maxBatchBytes", "blockBytes"] as const;
const FLAGS = ["checks", "consistent", "shared", "compress"] as const;

/** That a host has what HostKv asks for. argument: what messages call it. */
export function checkHost(host: unknown, argument = "host"): asserts host is HostKv {
	// Most hosts are opened by a function that gives a promise.
	if (typeof host !== "object" || host === null || "then" in host)
		throw invalid(argument, `must be a HostKv and no promise, got ${show(host)}`);
	const { name, limits } = host as HostKv;
	if (typeof name !== "string" || name === "") throw invalid(`${argument}.name`, "must be a string that is not empty");
	for (const call of CALLS) {
		if (typeof (host as HostKv)[call] !== "function") throw invalid(`${argument}.${call}`, "must be a function");
	}
	for (const call of OPTIONAL_CALLS) optionalFunction(`${argument}.${call}`, (host as HostKv)[call]);
	checkLimits(limits, `${argument}.limits`);
	optionalDuration(`${argument}.recoveryInterval`, (host as HostKv).recoveryInterval, undefined);
}

/** That limits are all there, and may be what they are. argument: what messages call them. */
export function checkLimits(limits: unknown, argument: string): asserts limits is HostLimits {
	if (typeof limits !== "object" || limits === null) throw invalid(argument, `must be an object, got ${show(limits)}`);
	const given: Partial<HostLimits> = limits;
	// Infinity is an honest answer of a host without a bound; the engine has bounds of its own.
	for (const size of SIZES)
		if (given[size] !== Number.POSITIVE_INFINITY) checkInteger(`${argument}.${size}`, given[size], 1);
	for (const flag of FLAGS)
		if (typeof given[flag] !== "boolean") throw invalid(`${argument}.${flag}`, "must be true or false");
	if (given.atomic !== "store" && given.atomic !== "space" && given.atomic !== "none") {
		throw invalid(`${argument}.atomic`, 'must be "store", "space" or "none"');
	}
}

/** Options of a store with their defaults in place. */
export interface CheckedOptions {
	readonly storeId: string | undefined;
	readonly durability: Durability;
	readonly compression: "auto" | "none" | "always";
	readonly clock: () => number;
	readonly hostTimeout: number;
	readonly pollInterval: number;
	readonly retentionInterval: number;
	readonly autoCompact: boolean;
}

/**
 * Whether this is a browser's page or worker, where a strict commit costs far more than losing the last moments is
 * worth.
 */
function inBrowser(): boolean {
	const scope = globalThis as {
		document?: unknown;
		WorkerGlobalScope?: unknown;
		navigator?: { userAgent?: unknown };
		process?: { versions?: { node?: unknown } };
	};
	if (typeof scope.process?.versions?.node === "string") return false;
	// Deno, Bun and workerd have worker scopes too, and say so here.
	const agent = scope.navigator?.userAgent;
	if (typeof agent === "string" && /^(?:Node\.js|Deno|Bun|Cloudflare-Workers)\b/.test(agent)) return false;
	return scope.document !== undefined || scope.WorkerGlobalScope !== undefined;
}

/** Options of openStore. */
export function checkOpenOptions(input: OpenOptions | undefined): CheckedOptions {
	const options = optionsObject(input);
	const { storeId, compression, clock } = options;
	if (storeId !== undefined && (typeof storeId !== "string" || !isUuid(storeId)))
		throw invalid("storeId", "must be a UUID such as 550e8400-e29b-41d4-a716-446655440000");
	if (compression !== undefined && compression !== "auto" && compression !== "none" && compression !== "always") {
		throw invalid("compression", `must be "auto", "none" or "always", got ${show(compression)}`);
	}
	const pollInterval = optionalDuration("pollInterval", options.pollInterval, 1000);
	if (pollInterval < 1) throw invalid("pollInterval", "must be at least 1 millisecond");
	return {
		storeId: storeId?.toLowerCase(),
		durability: optionalDurability(options.durability) ?? (inBrowser() ? "relaxed" : "strict"),
		compression: compression ?? "auto",
		clock: optionalFunction("clock", clock) ?? Date.now,
		hostTimeout: optionalDuration("hostTimeout", options.hostTimeout, 30_000),
		pollInterval,
		retentionInterval: optionalDuration("retentionInterval", options.retentionInterval, 10_000),
		autoCompact: optionalBoolean("autoCompact", options.autoCompact, true),
	};
}

/**
 * Checks options of openStore, for whoever makes something before a store is opened with them.
 * @throws INVALID_ARGUMENT that names the option and its rule.
 */
export function checkOptions(options?: OpenOptions): void {
	checkOpenOptions(options);
	checkSignal(options?.signal);
}
