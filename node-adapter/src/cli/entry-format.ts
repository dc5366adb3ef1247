import { isUtf8 } from "node:buffer";
import type { Entry, LexKey } from "streamkit";
import { type Colors, printable, time } from "./terminal.js";

/** An entry as one line of JSON. offset: where to go on reading after it. */
export function entryAsJson(entry: Entry, offset?: LexKey): string {
	const { space, segment, sequence, timestamp, id, trx, payload, metadata } = entry;
	const text = isUtf8(payload);
	return JSON.stringify({
		space,
		segment,
		sequence,
		timestamp,
		id,
		trx,
		encoding: text ? "utf8" : "base64",
		payload: Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString(text ? "utf8" : "base64"),
		metadata,
		...(offset === undefined ? {} : { offset: offset.toHex() }),
	});
}

/** An entry as one line for people. */
export function entryForPeople(entry: Entry, colors: Colors): string {
	const { space, segment, sequence, timestamp, payload, metadata } = entry;
	const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
	const body = isUtf8(payload)
		? printable(bytes.toString("utf8"))
		: colors.dim(`<${payload.length} bytes> `) + bytes.toString("base64");
	const pairs = Object.entries(metadata).map(([name, value]) => {
		const shown = printable(value);
		return `${printable(name)}=${/[\s"]/.test(shown) || shown === "" ? JSON.stringify(shown) : shown}`;
	});
	return [
		colors.dim(time(timestamp)),
		`${colors.cyan(`${printable(space)}/${printable(segment)}`)} ${colors.yellow(`#${sequence}`)}`,
		body,
		...(pairs.length > 0 ? [colors.dim(pairs.join(" "))] : []),
	].join("  ");
}
