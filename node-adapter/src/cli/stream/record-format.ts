import type { Entry } from "streamkit";
import { metadataForPeople, payloadAsText, payloadForPeople } from "../entry-format.js";
import type { Colors } from "../terminal.js";

/** A record as plain data. encoding: only where the payload is not UTF-8. */
export function recordAsObject(entry: Entry): Record<string, unknown> {
	const { id, timestamp, partition, metadata, tier } = entry;
	const { encoding, text: payload } = payloadAsText(entry.payload);
	return {
		id,
		timestamp_ms: timestamp,
		partition,
		...(encoding === "utf8" ? {} : { encoding }),
		payload,
		headers: metadata,
		tier,
	};
}

/** A record as one line for people. remark: stands before the payload. */
export function recordForPeople(entry: Entry, colors: Colors, remark?: string): string {
	const { id, partition, segment, payload, metadata } = entry;
	const headers = metadataForPeople(metadata, colors);
	return [
		`${colors.yellow(id)} ${colors.cyan(`[${partition ?? segment}]`)}`,
		...(remark === undefined ? [] : [colors.dim(remark)]),
		payloadForPeople(payload, colors),
		...(headers === undefined ? [] : [headers]),
	].join("  ");
}
