import {
	type Bytes,
	compareBytes,
	copyBytes,
	equalBytes,
	isUint8Array,
	isUuid,
	parseHex,
	toHex,
} from "./common/bytes.js";
import { encodeUtf8, isWellFormed } from "./common/utf8.js";
import { invalid } from "./errors.js";

/** A part that says its own type; made by i64, u64, f64, uuid and end. */
export interface TypedPart {
	/** How the value is encoded. */
	readonly type: "i64" | "u64" | "f64" | "uuid" | "end";
	/** An integer, a float64 or a UUID text, as the type says; none for end. */
	readonly value?: bigint | number | string;
}

/** A JS number is float64, a bigint int64, a Date int64 nanoseconds; the helpers say otherwise. */
export type LexKeyPart = string | boolean | null | number | bigint | Date | Uint8Array | LexKey | TypedPart;

const I64_MIN = -(2n ** 63n);
const I64_MAX = 2n ** 63n - 1n;
const U64_MAX = 2n ** 64n - 1n;

function integer(name: string, value: bigint | number | string | undefined, min: bigint, max: bigint): bigint {
	if (typeof value === "number") {
		if (!Number.isSafeInteger(value))
			throw invalid(name, "a number must be a safe integer; use a bigint beyond 2^53 - 1");
	} else if (typeof value !== "bigint") {
		throw invalid(name, "must be a bigint or a safe integer");
	}
	const wide = BigInt(value);
	if (wide < min || wide > max) throw invalid(name, `must be from ${min} to ${max}`);
	return wide;
}

/** A signed 64-bit part. @throws INVALID_ARGUMENT for a number that is not a safe integer, or out of range. */
export function i64(v: bigint | number): TypedPart {
	return { type: "i64", value: integer("i64", v, I64_MIN, I64_MAX) };
}

/** An unsigned 64-bit part. @throws INVALID_ARGUMENT for a number that is not a safe integer, or out of range. */
export function u64(v: bigint | number): TypedPart {
	return { type: "u64", value: integer("u64", v, 0n, U64_MAX) };
}

/**
 * A float64 part, as a bare number is. NaN orders among the numbers below 0.
 * @throws INVALID_ARGUMENT for anything but a number.
 */
export function f64(v: number): TypedPart {
	if (typeof v !== "number") throw invalid("f64", "must be a number");
	return { type: "f64", value: v };
}

/** A UUID part of 16 bytes, from its 8-4-4-4-12 text. @throws INVALID_ARGUMENT for any other text. */
export function uuid(v: string): TypedPart {
	if (typeof v !== "string" || !isUuid(v))
		throw invalid("uuid", "must be a UUID such as 550e8400-e29b-41d4-a716-446655440000");
	return { type: "uuid", value: v };
}

/** The part ff, above every text. Bytes, ids and numbers may begin with ff too, and then lie above it. */
export const end: TypedPart = Object.freeze({ type: "end" });

// Undeclared: a private member would make the class nominal, and keys of another copy of the package would not
// type-check.
const CONTENT = Symbol("bytes");
const BRAND = Symbol.for("streamkit.lexkey");
const scratch = new DataView(new ArrayBuffer(8));

function eight(write: (view: DataView) => void): Bytes {
	write(scratch);
	return new Uint8Array(scratch.buffer.slice(0));
}

function signed(value: bigint): Bytes {
	return eight((view) => view.setBigUint64(0, BigInt.asUintN(64, value) ^ (1n << 63n)));
}

function float(value: number): Bytes {
	return eight((view) => {
		if (Number.isNaN(value)) {
			// One NaN, whatever payload the engine's NaN carries.
			view.setBigUint64(0, 0x7ff8000000000001n);
			return;
		}
		view.setFloat64(0, value);
		const bits = view.getBigUint64(0);
		view.setBigUint64(0, value < 0 ? BigInt.asUintN(64, ~bits) : bits ^ (1n << 63n));
	});
}

interface Filled {
	[CONTENT]: Bytes;
}

const contentOf = (key: LexKey): Bytes => (key as unknown as Filled)[CONTENT];

/** To be read only; of another copy's key they are a copy. */
const bytesOf = (key: LexKey): Bytes => contentOf(key) ?? key.bytes;

/** The key of bytes that nobody else has. */
export function keyOver(bytes: Bytes): LexKey {
	return new (LexKey as unknown as new (bytes: Bytes) => LexKey)(bytes);
}

/** The time of a Date, of any realm. */
function millisecondsOf(part: object): number | undefined {
	try {
		return Date.prototype.getTime.call(part);
	} catch {
		return undefined;
	}
}

function isTyped(part: object): part is TypedPart {
	return typeof (part as { type?: unknown }).type === "string";
}

function encodeTyped(name: string, part: TypedPart): Uint8Array {
	const { type, value } = part;
	switch (type) {
		case "i64":
			return signed(integer(name, value, I64_MIN, I64_MAX));
		case "u64": {
			const wide = integer(name, value, 0n, U64_MAX);
			return eight((view) => view.setBigUint64(0, wide));
		}
		case "f64":
			if (typeof value !== "number") throw invalid(name, "f64 needs a number");
			return float(value);
		case "uuid":
			if (typeof value !== "string" || !isUuid(value)) throw invalid(name, "uuid needs a UUID text");
			return parseHex(value.replaceAll("-", "")) as Bytes;
		case "end":
			return new Uint8Array([0xff]);
		default:
			throw invalid(name, 'type must be "i64", "u64", "f64", "uuid" or "end"');
	}
}

function encodePart(name: string, part: LexKeyPart): Uint8Array {
	switch (typeof part) {
		case "string":
			if (!isWellFormed(part)) throw invalid(name, "a string must be well-formed UTF-16 (no lone surrogates)");
			return encodeUtf8(part);
		case "boolean":
			return new Uint8Array([part ? 1 : 0]);
		case "number":
			return float(part);
		case "bigint":
			return signed(integer(name, part, I64_MIN, I64_MAX));
		case "object": {
			if (part === null) return new Uint8Array([0]);
			if (isUint8Array(part)) return part;
			if (isLexKey(part)) return part.bytes;
			if (isTyped(part)) return encodeTyped(name, part);
			const ms = millisecondsOf(part);
			if (Number.isNaN(ms)) throw invalid(name, "must be a valid Date");
			if (ms !== undefined) return signed(integer(name, BigInt(ms) * 1_000_000n, I64_MIN, I64_MAX));
		}
	}
	throw invalid(
		name,
		"must be a string, boolean, null, number, bigint, Date, Uint8Array, LexKey or one of i64, u64, f64, uuid, end",
	);
}

function join(parts: readonly LexKeyPart[], suffix?: number): Bytes {
	if (parts.length === 0) throw invalid("parts", "a key needs at least one part");
	const encoded = parts.map((part, i) => encodePart(`parts[${i}]`, part));
	let length = parts.length - 1 + (suffix === undefined ? 0 : 1);
	for (const bytes of encoded) length += bytes.length;
	const key = new Uint8Array(length);
	let offset = 0;
	for (const bytes of encoded) {
		key.set(bytes, offset);
		offset += bytes.length + 1;
	}
	if (suffix !== undefined) key[length - 1] = suffix;
	return key;
}

/** Whether a value is a LexKey, of whichever copy of the package. */
export function isLexKey(value: unknown): value is LexKey {
	return typeof value === "object" && value !== null && (value as { [BRAND]?: unknown })[BRAND] === true;
}

/**
 * An immutable byte key whose byte order is its order. Parts are joined by 00 and 00 within a part is not escaped.
 * Text form: lowercase hex.
 */
export class LexKey {
	private constructor(bytes: Bytes = new Uint8Array(0)) {
		(this as unknown as Filled)[CONTENT] = bytes;
	}

	/** The key of the parts in order. @throws INVALID_ARGUMENT for no parts, a part of another type, or out of range. */
	static encode(...parts: [LexKeyPart, ...LexKeyPart[]]): LexKey {
		return new LexKey(join(parts));
	}

	/**
	 * The key followed by 00: the lower bound of all keys that go on after these parts.
	 * @throws INVALID_ARGUMENT as encode.
	 */
	static encodeFirst(...parts: [LexKeyPart, ...LexKeyPart[]]): LexKey {
		return new LexKey(join(parts, 0x00));
	}

	/**
	 * The key followed by ff. For all that goes on after a name, the tight upper bound is the name followed by 01.
	 * @throws INVALID_ARGUMENT as encode.
	 */
	static encodeLast(...parts: [LexKeyPart, ...LexKeyPart[]]): LexKey {
		return new LexKey(join(parts, 0xff));
	}

	/** The key of a hex text; "" is the empty key. @throws INVALID_ARGUMENT when it is not hex of even length. */
	static fromHex(hex: string): LexKey {
		const bytes = typeof hex === "string" ? parseHex(hex) : undefined;
		if (bytes === undefined) throw invalid("hex", "must be hex digits of even length");
		return new LexKey(bytes);
	}

	/** The key of these bytes, which are copied. @throws INVALID_ARGUMENT for anything but a Uint8Array. */
	static fromBytes(bytes: Uint8Array): LexKey {
		if (!isUint8Array(bytes)) throw invalid("bytes", "must be a Uint8Array");
		return new LexKey(copyBytes(bytes));
	}

	/** The order of two keys: unsigned bytes, a prefix first. */
	static compare(a: LexKey, b: LexKey): -1 | 0 | 1 {
		if (!isLexKey(a)) throw invalid("a", "must be a LexKey");
		if (!isLexKey(b)) throw invalid("b", "must be a LexKey");
		return compareBytes(bytesOf(a), bytesOf(b));
	}

	/** The bytes, as a copy each time, so that the key cannot be changed. */
	get bytes(): Bytes {
		return contentOf(this).slice();
	}

	/** Whether both hold the same bytes. */
	equals(other: LexKey): boolean {
		return isLexKey(other) && equalBytes(contentOf(this), bytesOf(other));
	}

	/** Lowercase hex; "" for the empty key. */
	toHex(): string {
		return toHex(contentOf(this));
	}

	/** The same as toHex. */
	toJSON(): string {
		return this.toHex();
	}

	/** The same as toHex. */
	toString(): string {
		return this.toHex();
	}

	// What console.log shows in Node: the bytes one by one say nothing.
	[Symbol.for("nodejs.util.inspect.custom")](): string {
		return `LexKey(${this})`;
	}
}
Object.defineProperty(LexKey.prototype, BRAND, { value: true });
