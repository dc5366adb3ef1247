import type { StreamInfo } from "streamkit";
import { count, counted, printable, size, time } from "../terminal.js";

/** A stream as plain data. Ages are seconds, as the options of the command line have them. */
export function streamAsObject(info: StreamInfo, namespace: string): Record<string, unknown> {
	const { name, partitions, count: records, bytes, firstId, lastId, retention, createdAt } = info;
	return {
		name,
		namespace,
		partitions,
		message_count: records,
		size_bytes: bytes,
		first_id: firstId,
		last_id: lastId,
		created_at_ms: createdAt,
		...(retention === undefined
			? {}
			: {
					retention: {
						...(retention.maxAge === undefined ? {} : { age_s: retention.maxAge / 1000 }),
						...(retention.maxCount === undefined ? {} : { count: retention.maxCount }),
						...(retention.maxBytes === undefined ? {} : { bytes: retention.maxBytes }),
					},
				}),
	};
}

/** A stream in lines for people. */
export function streamForPeople(info: StreamInfo, namespace: string): string {
	const { name, partitions, count: records, bytes, firstId, lastId, retention, createdAt } = info;
	return [
		`Stream:     ${printable(name)}`,
		`Namespace:  ${namespace}`,
		`Partitions: ${count(partitions)}`,
		`Records:    ${count(records)}`,
		`Size:       ${size(bytes)}`,
		`First ID:   ${firstId}`,
		`Last ID:    ${lastId}`,
		`Retention:  ${retentionForPeople(retention)}`,
		`Created:    ${time(createdAt)}`,
	].join("\n");
}

function retentionForPeople(retention: StreamInfo["retention"]): string {
	const { maxAge, maxCount, maxBytes } = retention ?? {};
	const bounds = [
		...(maxAge === undefined ? [] : [age(maxAge)]),
		...(maxCount === undefined ? [] : [counted(maxCount, "record", "records")]),
		...(maxBytes === undefined ? [] : [size(maxBytes)]),
	];
	return bounds.length === 0 ? "everything is kept" : bounds.join(", ");
}

const UNITS = [
	[3_600_000, "hour", "hours"],
	[60_000, "minute", "minutes"],
	[1000, "second", "seconds"],
	[1, "millisecond", "milliseconds"],
] as const;

/** A length of time in the largest unit that has a whole number of it. */
function age(ms: number): string {
	const [unit, one, many] = UNITS.find(([unit]) => ms % unit === 0) ?? UNITS[3];
	return counted(ms / unit, one, many);
}
