// What a request brings, taken no further than it may be large.

import { StreamkitError } from "streamkit";
import { invalid } from "./http.js";

/** Far below what a row of the object or of the copy can hold. */
const MAX_BODY_BYTES = 1 << 20;

function tooLarge(actual: number): StreamkitError {
	const details = { what: "bytes of one request", limit: MAX_BODY_BYTES, actual };
	return new StreamkitError("LIMIT_EXCEEDED", `body: at most ${MAX_BODY_BYTES} bytes`, { details });
}

/**
 * The body as JSON.
 * @throws LIMIT_EXCEEDED as soon as it is too large; INVALID_ARGUMENT for what is no JSON in UTF-8.
 */
export async function jsonOf(request: Request): Promise<unknown> {
	const announced = Number(request.headers.get("content-length") ?? 0);
	if (announced > MAX_BODY_BYTES) throw tooLarge(announced);
	// A body may come without its length.
	const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
	let text = "";
	let length = 0;
	for await (const chunk of request.body ?? []) {
		length += chunk.length;
		if (length > MAX_BODY_BYTES) throw tooLarge(length);
		text += decoded(decoder, chunk);
	}
	text += decoded(decoder);
	try {
		return JSON.parse(text);
	} catch {
		throw invalid("body", "must be JSON");
	}
}

/** Without a chunk: the end. */
function decoded(decoder: TextDecoder, chunk?: Uint8Array): string {
	try {
		return decoder.decode(chunk, { stream: chunk !== undefined });
	} catch {
		// What is not UTF-8 would be stored as something else.
		throw invalid("body", "must be UTF-8");
	}
}
