import { type Bytes, compareBytes, copyBytes, equalBytes, parseHex, toHex } from "../../common/bytes.js";
import { decodeUtf8Strict, encodeUtf8 } from "../../common/utf8.js";
import { tooMuch } from "../limits.js";
import { MOST_CHARACTERS } from "./limits.js";

/** Where a key is: everything that one commit may cover is in one partition. */
export interface Place {
	readonly partition: string;
	readonly row: string;
	/** The space whose row it is, as bytes. */
	readonly space: Bytes | undefined;
}

/** The row of a partition that changes with every commit that removes something. It sorts after all others. */
export const REMOVALS = "~";

/** Rows of spaces by kind; the letter stands for the words in row keys. In byte order. */
const KINDS = (
	[
		["a", "DAT\0SEGMENTS\0"],
		["b", "DAT\0SPACES\0"],
		["c", "GRP\0"],
		["d", "INV\0SEGMENTS\0"],
		["e", "INV\0SPACES\0"],
		["f", "TRX\0"],
	] as const
).map(([letter, words]) => ({ letter, words: encodeUtf8(words) }));
const TRANSACTIONS = encodeUtf8("TXN\0");
const ID_BYTES = 16;
/** The letter of rows whose key, or what is left of it, has no kind. */
const PLAIN = "k";
/** Bytes as characters: one each, in the same order, without case and without another form. */
const FIRST_CHARACTER = 0x4e00;
/** Below every row of the directory. */
const BIRTH = "b";
/** Longer names are not those of a space that the engine made. */
const NAME_BYTES = 128;
const NOTHING: Bytes = new Uint8Array(0);
/** Below every byte that can follow a name but the separator. */
const ONE: Bytes = new Uint8Array([1]);

/** Bytes as text that sorts as they do. */
export function textOf(bytes: Uint8Array): string {
	let text = "";
	for (let i = 0; i < bytes.length; i++) text += String.fromCharCode(FIRST_CHARACTER + (bytes[i] as number));
	return text;
}

function bytesOf(text: string, from: number): Bytes {
	const bytes = new Uint8Array(text.length - from);
	for (let i = from; i < text.length; i++) bytes[i - from] = text.charCodeAt(i) - FIRST_CHARACTER;
	return bytes;
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
	return bytes.length >= prefix.length && equalBytes(bytes.subarray(0, prefix.length), prefix);
}

function joined(...parts: Uint8Array[]): Bytes {
	const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
	let at = 0;
	for (const part of parts) {
		all.set(part, at);
		at += part.length;
	}
	return all;
}

/** The first key beyond all that continue this one with another part. */
function beyond(key: Uint8Array): Bytes {
	return joined(key, ONE);
}

/** The part of a key up to its next separator. */
function partOf(bytes: Uint8Array): Uint8Array {
	const end = bytes.indexOf(0);
	return end < 0 ? bytes : bytes.subarray(0, end);
}

/** Rows of one partition, and the keys they stand for. */
export interface Stretch {
	readonly partition: string;
	/** Inclusive row key. */
	readonly from: string;
	/** Exclusive row key. */
	readonly to: string;
	readonly keyOf: (row: string) => Bytes;
}

/** Rows of all spaces that the directory names: one stretch each, in order. */
export interface OfSpaces {
	/** Inclusive and exclusive row keys of the directory. */
	readonly from: string;
	readonly to: string;
	readonly stretchOf: (directoryRow: string) => Stretch;
}

/** Rows of all redo records from one partition to another; not all of them need be in the range. */
export interface OfTransactions {
	readonly first: string;
	/** Inclusive prefix. */
	readonly last: string;
	readonly keyOf: (partition: string, row: string) => Bytes;
}

export interface Sources {
	/** Keys of no space and no redo record, where the range can hold such. */
	readonly plain: Stretch | undefined;
	/** Everything else, in key order. */
	readonly parts: readonly (
		| { readonly kind: "stretch"; readonly stretch: Stretch }
		| { readonly kind: "spaces"; readonly spaces: OfSpaces }
		| { readonly kind: "transactions"; readonly transactions: OfTransactions }
	)[];
}

/** Says in which partitions keys are. */
export class Places {
	readonly #prefix: string;

	/** prefix: of all partition keys; without "~". */
	constructor(prefix: string) {
		this.#prefix = prefix;
	}

	/** The partition with a row for each space. */
	get directory(): string {
		return `${this.#prefix}~d`;
	}

	/** The row that tells the table from another one of its name; no listing meets it. */
	get birth(): Place {
		return { partition: this.directory, row: BIRTH, space: undefined };
	}

	directoryRow(space: Uint8Array): string {
		return PLAIN + textOf(space);
	}

	#partitionOfSpace(space: Uint8Array): string {
		if (space.length <= NAME_BYTES) return `${this.#prefix}~s${toHex(space)}`;
		return `${this.#prefix}~S${textOf(space)}`;
	}

	#partitionOfTransaction(id: Uint8Array): string {
		return `${this.#prefix}~t${toHex(id)}`;
	}

	/** @throws LIMIT_EXCEEDED for a key of a space whose name is too long for a partition's key. */
	of(key: Uint8Array): Place {
		for (const { letter, words } of KINDS) {
			if (!startsWith(key, words)) continue;
			const after = key.subarray(words.length);
			const name = partOf(after);
			if (decodeUtf8Strict(name) === undefined) break;
			const partition = this.#partitionOfSpace(name);
			if (partition.length > MOST_CHARACTERS)
				throw tooMuch("characters of a partition key", MOST_CHARACTERS, partition.length);
			return { partition, row: letter + textOf(after.subarray(name.length)), space: copyBytes(name) };
		}
		if (startsWith(key, TRANSACTIONS) && key.length >= TRANSACTIONS.length + ID_BYTES) {
			const after = key.subarray(TRANSACTIONS.length);
			return {
				partition: this.#partitionOfTransaction(after.subarray(0, ID_BYTES)),
				row: PLAIN + textOf(after.subarray(ID_BYTES)),
				space: undefined,
			};
		}
		return { partition: `${this.#prefix}~r`, row: PLAIN + textOf(key), space: undefined };
	}

	/** Where the keys of a range are that is not empty. */
	sources(start: Uint8Array, end: Uint8Array): Sources {
		const parts: Sources["parts"][number][] = [];
		for (const { letter, words } of KINDS) {
			const [low, high] = clipped(start, end, words);
			if (compareBytes(low, high) >= 0) continue;
			const name = partOf(low.subarray(words.length));
			const whole = joined(words, name);
			if (decodeUtf8Strict(name) !== undefined && compareBytes(high, beyond(whole)) <= 0 && startsWith(low, whole)) {
				const stretch = this.#stretch(letter, words, name, low, high);
				if (low === start && high === end) return { plain: undefined, parts: [{ kind: "stretch", stretch }] };
				parts.push({ kind: "stretch", stretch });
				continue;
			}
			const last = startsWith(high, words) ? high.subarray(words.length) : undefined;
			parts.push({
				kind: "spaces",
				spaces: {
					from: PLAIN + textOf(name),
					to: last === undefined ? REMOVALS : PLAIN + textOf(last),
					stretchOf: (row) => this.#stretch(letter, words, bytesOf(row, 1), low, high),
				},
			});
		}
		const [low, high] = clipped(start, end, TRANSACTIONS);
		if (compareBytes(low, high) < 0) {
			const id = low.subarray(TRANSACTIONS.length, TRANSACTIONS.length + ID_BYTES);
			const whole = joined(TRANSACTIONS, id);
			if (id.length === ID_BYTES && compareBytes(high, beyond(whole)) <= 0) {
				const stretch: Stretch = {
					partition: this.#partitionOfTransaction(id),
					from: PLAIN + textOf(low.subarray(whole.length)),
					to: PLAIN + textOf(startsWith(high, whole) ? high.subarray(whole.length) : ONE),
					keyOf: (row) => joined(whole, bytesOf(row, 1)),
				};
				if (low === start && high === end) return { plain: undefined, parts: [{ kind: "stretch", stretch }] };
			}
			const begin = `${this.#prefix}~t`;
			parts.push({
				kind: "transactions",
				transactions: {
					first: this.#partitionOfTransaction(id),
					last: startsWith(high, TRANSACTIONS)
						? this.#partitionOfTransaction(high.subarray(TRANSACTIONS.length, TRANSACTIONS.length + ID_BYTES))
						: `${begin}~`,
					keyOf: (partition, row) => {
						const id = parseHex(partition.slice(begin.length)) ?? NOTHING;
						return joined(TRANSACTIONS, id, bytesOf(row, 1));
					},
				},
			});
		}
		const plain: Stretch = {
			partition: `${this.#prefix}~r`,
			from: PLAIN + textOf(start),
			to: PLAIN + textOf(end),
			keyOf: (row) => bytesOf(row, 1),
		};
		return { plain, parts };
	}

	/** The part of [low, high) that is of one space. */
	#stretch(letter: string, words: Uint8Array, name: Uint8Array, low: Uint8Array, high: Uint8Array): Stretch {
		const whole = joined(words, name);
		return {
			partition: this.#partitionOfSpace(name),
			from: letter + textOf(startsWith(low, whole) ? low.subarray(whole.length) : NOTHING),
			to: letter + textOf(startsWith(high, whole) ? high.subarray(whole.length) : ONE),
			keyOf: (row) => joined(whole, bytesOf(row, 1)),
		};
	}
}

/** The part of [start, end) whose keys begin with these words, the last byte of which is a separator. */
function clipped(start: Uint8Array, end: Uint8Array, words: Uint8Array): [Uint8Array, Uint8Array] {
	const after = copyBytes(words);
	after[after.length - 1] = 1;
	return [compareBytes(start, words) < 0 ? words : start, compareBytes(end, after) > 0 ? after : end];
}
