import { createReadStream, fstatSync } from "node:fs";
import { open } from "node:fs/promises";
import { addAbortSignal, type Readable } from "node:stream";
import { StreamkitError } from "streamkit";
import { codeOf } from "../errors.js";
import { usage } from "./usage.js";

/** Bytes from a file or from standard input. */
export interface Input {
	readonly stream: Readable;
	/** How many bytes there will be; 0 when that is not known. */
	readonly size: number;
	readonly isFile: boolean;
}

/**
 * Opens a file, or standard input for "-" or undefined.
 * @throws INVALID_ARGUMENT for none of a name, and when a person would have to type it in; NOT_FOUND for no file.
 */
export async function openInput(path: string | undefined, argument: string, signal: AbortSignal): Promise<Input> {
	if (path === "") throw usage(argument, "must not be empty; - is standard input");
	if (path !== undefined && path !== "-") {
		const file = await open(path, "r").catch((error: unknown) => {
			if (codeOf(error) !== "ENOENT") throw error;
			throw new StreamkitError("NOT_FOUND", `${argument}: there is no file "${path}"`, { details: { path } });
		});
		const stats = await file.stat();
		if (stats.isDirectory()) {
			await file.close();
			throw usage(argument, `"${path}" is a directory`);
		}
		const stream = file.createReadStream({ highWaterMark: 1 << 18 });
		return { stream: addAbortSignal(signal, stream), size: stats.isFile() ? stats.size : 0, isFile: true };
	}
	// A hyphen asks for it even on a terminal.
	if (process.stdin.isTTY && path === undefined) {
		throw usage(argument, 'missing; give it, or pipe it into standard input, or type it in after "-"');
	}
	return { stream: addAbortSignal(signal, standardInput()), size: 0, isFile: false };
}

function standardInput(): Readable {
	// A stream of its own for redirected files: process.stdin reads them in small pieces.
	if (fstatSync(0).isFile()) return createReadStream("", { fd: 0, highWaterMark: 1 << 18 });
	return process.stdin;
}

/** All bytes of an input. @throws LIMIT_EXCEEDED as soon as there are more than `limit`. */
export async function readAll({ stream }: Input, limit: number): Promise<Uint8Array> {
	const parts: Uint8Array[] = [];
	let length = 0;
	for await (const part of stream as AsyncIterable<Uint8Array>) {
		length += part.length;
		if (length > limit) {
			throw new StreamkitError("LIMIT_EXCEEDED", `bytes of one record: at most ${limit}, got more`, {
				details: { what: "bytes of one record", limit, actual: length },
			});
		}
		parts.push(part);
	}
	return Buffer.concat(parts);
}
