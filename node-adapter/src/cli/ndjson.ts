import { usage } from "./usage.js";

/** One line of NDJSON. */
export interface Line {
	/** From 1. */
	readonly number: number;
	readonly text: string;
	readonly value: unknown;
	/** Bytes of the input up to the end of this line. */
	readonly end: number;
}

/** Longer lines are refused: a line is held in memory as a whole. */
const MAX_LINE_BYTES = 64 * 1024 * 1024;

const NEWLINE = 0x0a;
const MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * The lines of NDJSON, as many at once as a piece of the input holds. Blank lines are skipped.
 * @throws INVALID_ARGUMENT with details {line} for a line that is not UTF-8, not JSON or too long.
 */
export async function* readLines(input: AsyncIterable<Uint8Array>): AsyncGenerator<Line[], void, void> {
	const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
	const held: Uint8Array[] = [];
	let heldBytes = 0;
	let number = 0;
	let end = 0;

	const take = (bytes: Uint8Array, lines: Line[]): void => {
		number += 1;
		const whole = number === 1 && MARK.equals(bytes.subarray(0, 3)) ? bytes.subarray(3) : bytes;
		const text = decode(decoder, whole, number).replace(/\r$/, "");
		if (text.trim() !== "") lines.push({ number, text, value: parse(text, number), end });
	};
	const hold = (bytes: Uint8Array): void => {
		heldBytes += bytes.length;
		if (heldBytes > MAX_LINE_BYTES) {
			throw usage(`line ${number + 1}`, `is longer than ${MAX_LINE_BYTES} bytes`, { line: number + 1 });
		}
		held.push(bytes);
	};
	const release = (): Uint8Array => {
		const bytes = held.length === 1 ? (held[0] as Uint8Array) : Buffer.concat(held);
		held.length = 0;
		heldBytes = 0;
		return bytes;
	};

	const cut = (piece: Uint8Array, lines: Line[]): void => {
		let from = 0;
		for (;;) {
			const at = piece.indexOf(NEWLINE, from);
			if (at < 0) break;
			hold(piece.subarray(from, at));
			end += at + 1 - from;
			take(release(), lines);
			from = at + 1;
		}
		if (from < piece.length) {
			hold(piece.subarray(from));
			end += piece.length - from;
		}
	};

	for await (const piece of input) {
		const lines: Line[] = [];
		let failure: { error: unknown } | undefined;
		try {
			cut(piece, lines);
		} catch (error) {
			failure = { error };
		}
		// The lines before the one at fault are given all the same.
		if (lines.length > 0) yield lines;
		if (failure !== undefined) throw failure.error;
	}
	if (heldBytes > 0) {
		const lines: Line[] = [];
		take(release(), lines);
		yield lines;
	}
}

function decode(decoder: TextDecoder, bytes: Uint8Array, number: number): string {
	try {
		return decoder.decode(bytes);
	} catch {
		throw usage(`line ${number}`, "is not valid UTF-8", { line: number });
	}
}

function parse(text: string, number: number): unknown {
	try {
		return JSON.parse(text);
	} catch (error) {
		throw usage(`line ${number}`, `is not JSON: ${(error as Error).message}`, { line: number });
	}
}
