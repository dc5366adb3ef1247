import { closeSync, createReadStream, fstatSync } from "node:fs";
import { addAbortSignal, type Readable } from "node:stream";
import { StreamkitError } from "streamkit";
import { codeOf } from "../errors.js";
import { openFile, pipeStream } from "./open-file.js";
import { usage } from "./usage.js";

/** Bytes from a file or from standard input. */
export interface Input {
	readonly stream: Readable;
	/** How many bytes there will be; 0 when that is not known. */
	readonly size: number;
	/** Whether all of it is there already. */
	readonly isFile: boolean;
}

/**
 * Opens a file, or standard input for "-" or undefined.
 * @throws INVALID_ARGUMENT for none of a name, and when a person would have to type it in; NOT_FOUND for no file.
 */
export async function openInput(path: string | undefined, argument: string, signal: AbortSignal): Promise<Input> {
	if (path === "") throw usage(argument, "must not be empty; - is standard input");
	if (path !== undefined && path !== "-") {
		const file = await openFile(path, "r", signal).catch((error: unknown) => {
			if (codeOf(error) !== "ENOENT") throw error;
			throw new StreamkitError("NOT_FOUND", `${argument}: there is no file "${path}"`, { details: { path } });
		});
		const stats = fstatSync(file);
		if (stats.isDirectory()) {
			closeSync(file);
			throw usage(argument, `"${path}" is a directory`);
		}
		const stream = stats.isFIFO() ? pipeStream(file, "read") : fileStream(file);
		const isFile = stats.isFile();
		return { stream: addAbortSignal(signal, stream), size: isFile ? stats.size : 0, isFile };
	}
	// A hyphen asks for it even on a terminal.
	if (process.stdin.isTTY && path === undefined) {
		throw usage(argument, 'missing; give it, or pipe it into standard input, or type it in after "-"');
	}
	return { stream: addAbortSignal(signal, standardInput(argument)), size: 0, isFile: false };
}

function standardInput(argument: string): Readable {
	const stats = fstatSync(0);
	if (stats.isDirectory()) throw usage(argument, "standard input is a directory");
	// A stream of its own for redirected files: process.stdin reads them in small pieces.
	return stats.isFile() ? fileStream(0) : process.stdin;
}

function fileStream(descriptor: number): Readable {
	return createReadStream("", { fd: descriptor, highWaterMark: 1 << 18 });
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
