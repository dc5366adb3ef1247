import { isUtf8 } from "node:buffer";
import type { Entry, LexKey } from "streamkit";
import { type Colors, printable, time } from "./terminal.js";

/** A payload as JSON can hold it: text, or base64 when it is not UTF-8. */
export function payloadAsText(payload: Uint8Array): { encoding: "utf8" | "base64"; text: string } {
	const encoding = isUtf8(payload) ? "utf8" : "base64";
	const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
	return { encoding, text: bytes.toString(encoding) };
}

/** A payload in one line. */
export function payloadForPeople(payload: Uint8Array, colors: Colors): string {
	const { encoding, text } = payloadAsText(payload);
	return encoding === "utf8" ? printable(text) : colors.dim(`<${payload.length} bytes> `) + text;
}

/** Metadata as NAME=VALUE in one line; undefined when there is none. */
export function metadataForPeople(metadata: Readonly<Record<string, string>>, colors: Colors): string | undefined {
	const pairs = Object.entries(metadata).map(([name, value]) => {
		const shown = printable(value);
		return `${printable(name)}=${/[\s"]/.test(shown) || shown === "" ? JSON.stringify(shown) : shown}`;
	});
	return pairs.length === 0 ? undefined : colors.dim(pairs.join(" "));
}

/** An entry as one line of JSON. offset: where to go on reading after it. */
export function entryAsJson(entry: Entry, offset?: LexKey): string {
	const { space, segment, sequence, timestamp, id, trx, metadata } = entry;
	const { encoding, text: payload } = payloadAsText(entry.payload);
	return JSON.stringify({
		space,
		segment,
		sequence,
		timestamp,
		id,
		trx,
		encoding,
		payload,
		metadata,
		...(offset === undefined ? {} : { offset: offset.toHex() }),
	});
}

/** An entry as one line for people. */
export function entryForPeople(entry: Entry, colors: Colors): string {
	const { space, segment, sequence, timestamp, payload, metadata } = entry;
	const shown = metadataForPeople(metadata, colors);
	return [
		colors.dim(time(timestamp)),
		`${colors.cyan(`${printable(space)}/${printable(segment)}`)} ${colors.yellow(`#${sequence}`)}`,
		payloadForPeople(payload, colors),
		...(shown === undefined ? [] : [shown]),
	].join("  ");
}
