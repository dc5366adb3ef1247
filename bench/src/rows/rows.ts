import { appendRelaxed, appendStrict } from "./append-batches.js";
import { appendSingles } from "./append-singles.js";
import { disk } from "./disk.js";
import { emmett } from "./emmett.js";
import { groupPending, groupRead } from "./group.js";
import { inFlight } from "./in-flight.js";
import { memory } from "./memory.js";
import { openStores } from "./open.js";
import { readSegment } from "./read-segment.js";
import { readSpace } from "./read-space.js";
import { redis } from "./redis.js";
import type { Row } from "./row.js";
import { size } from "./size.js";
import { streamAppend, streamInFlight, streamRead } from "./stream.js";
import { streamTrim } from "./stream-trim.js";

/** All rows, in the order of the table. */
export const rows: readonly Row[] = [
	appendRelaxed,
	appendStrict,
	inFlight,
	appendSingles,
	readSegment,
	readSpace,
	openStores,
	memory,
	size,
	disk,
	emmett,
	redis,
	streamAppend,
	streamInFlight,
	streamRead,
	streamTrim,
	groupRead,
	groupPending,
];

export function rowNamed(name: string): Row {
	const row = rows.find((each) => each.name === name);
	if (row === undefined) throw new Error(`there is no row "${name}"`);
	return row;
}
