import { type Bytes, toHex } from "../../common/bytes.js";
import { type Stored, storedOf } from "./entity.js";
import { LIMITS } from "./limits.js";
import { type Place, type Places, REMOVALS } from "./places.js";
import { type Session, unanswered } from "./session.js";

/** Looks at rows that keep changing, before a query is tried. */
const QUIET_LOOKS = 2;
/** Rows that a filter names one by one; the service takes up to 15 comparisons. */
const MOST_COMPARED = 12;
/** Characters of a filter's row keys, as they are in the URL. A server takes some 16,000 with all headers. */
const MOST_FILTER = 8_000;
/** What a character of a row key takes there. */
const ENCODED = 9;
/** Entities of one answer. */
const MOST_ENTITIES = 1000;
/** Rows that are read together. */
const TOGETHER = 16;
/** Rows of one answer where a few of them are wanted: what lies between is read for nothing. */
const MOST_BETWEEN = 64;
/** Kinds whose rows are small: heads. */
const SMALL = /^[de]/;
/** Stretches that are remembered to be wide. */
const MOST_WIDE = 1_000;

/** A row as it is stored; undefined when there is none. */
export async function readRow(session: Session, partition: string, row: string): Promise<Stored | undefined> {
	const entity = await session.entity(partition, row);
	return entity === undefined ? undefined : storedOf(entity);
}

/** Partitions, with the kinds of rows, where one answer did not hold what a few keys were apart. */
export type Wide = Set<string>;

/** The values of keys, as they were together at one moment. */
export async function readKeys(
	session: Session,
	places: Places,
	wide: Wide,
	keys: readonly Bytes[],
): Promise<{ values: (Uint8Array | undefined)[]; rows: ReadonlyMap<string, Stored | undefined> }> {
	const asked = new Map<string, Place>();
	// A key that is too long to be stored is not there.
	for (const key of keys) if (key.length <= LIMITS.maxKeyBytes) asked.set(toHex(key), places.of(key));
	const rows = (await nearby(session, wide, asked)) ?? (await snapshot(session, asked));
	return { rows, values: keys.map((key) => rows.get(toHex(key))?.value) };
}

/**
 * Heads of one space in one query, with all that is between them. Gives nothing where that is too much for one answer.
 */
async function nearby(
	session: Session,
	wide: Wide,
	asked: ReadonlyMap<string, Place>,
): Promise<ReadonlyMap<string, Stored | undefined> | undefined> {
	const places = [...asked.values()];
	const [first] = places;
	if (first === undefined || places.length < 2 || places.length > MOST_COMPARED) return undefined;
	if (places.some(({ row }) => !SMALL.test(row))) return undefined;
	const stretch = `${first.partition} ${[...new Set(places.map(({ row }) => row.charAt(0)))].sort().join("")}`;
	if (wide.has(stretch)) return undefined;
	const found = await query(session, asked, MOST_BETWEEN);
	if (found !== undefined) return found;
	if (wide.size >= MOST_WIDE) wide.clear();
	wide.add(stretch);
	return undefined;
}

/**
 * Every row is a request of its own. So the rows are read twice: one that is the same both times was so in between.
 * That holds for a row that is there, for no two versions have one ETag. A row that is missing both times might have
 * come and gone; every commit that removes something changes one row of its partition, and those are looked at around
 * the second time. Rows of one partition that do not keep still, or are many, are asked for in one query.
 */
async function snapshot(
	session: Session,
	asked: ReadonlyMap<string, Place>,
): Promise<ReadonlyMap<string, Stored | undefined>> {
	let before: ReadonlyMap<string, Stored | undefined> | undefined;
	for (let looks = 0; ; looks++) {
		if (asked.size > MOST_COMPARED || looks >= QUIET_LOOKS) {
			const found = await query(session, asked, MOST_ENTITIES);
			if (found !== undefined) return found;
		}
		before ??= await readAll(session, asked);
		if (asked.size < 2) return before;
		const partitions = new Map<string, Place>();
		for (const [key, { partition }] of asked) {
			if (before.get(key)?.value === undefined)
				partitions.set(partition, { partition, row: REMOVALS, space: undefined });
		}
		const removals = await readAll(session, partitions);
		const after = await readAll(session, asked);
		const removalsAfter = await readAll(session, partitions);
		if (same(before, after) && same(removals, removalsAfter)) return after;
		before = after;
		await session.pause(0);
		if (session.expired) throw unanswered(new Error("the rows kept changing"));
	}
}

/**
 * One query sees one moment of one partition. Gives nothing where one answer, with so many rows at most, does not do. A
 * filter by row does not end the service's search for more of them, so it is left out where few rows are wanted at
 * most.
 */
async function query(
	session: Session,
	asked: ReadonlyMap<string, Place>,
	most: number,
): Promise<ReadonlyMap<string, Stored | undefined> | undefined> {
	const places = [...asked.values()];
	const partition = places[0]?.partition;
	if (partition === undefined || places.some((place) => place.partition !== partition)) return undefined;
	const rows = places.map(({ row }) => row).sort(compareText);
	const range = [rows[0] as string, rows[rows.length - 1] as string];
	const tooLong = ENCODED * [...range, ...rows].reduce((sum, { length }) => sum + length, 0) > MOST_FILTER;
	const each = rows.map((row) => `RowKey eq '${row}'`).join(" or ");
	const filter =
		`PartitionKey eq '${partition}' and RowKey ge '${range[0]}' and RowKey le '${range[1]}'` +
		(rows.length > MOST_COMPARED || most < MOST_ENTITIES || tooLong ? "" : ` and (${each})`);
	const page = await session.page(filter, undefined, most, undefined);
	if (page.continuationToken !== undefined) return undefined;
	const found = new Map(page.map((entity) => [entity.rowKey, entity]));
	return new Map(
		[...asked].map(([key, { row }]): [string, Stored | undefined] => {
			const entity = found.get(row);
			return [key, entity === undefined ? undefined : storedOf(entity)];
		}),
	);
}

function compareText(a: string, b: string): number {
	return a < b ? -1 : a > b ? 1 : 0;
}

async function readAll(
	session: Session,
	asked: ReadonlyMap<string, Place>,
): Promise<ReadonlyMap<string, Stored | undefined>> {
	const rows = new Map<string, Stored | undefined>();
	const left = asked.entries();
	const reader = async (): Promise<void> => {
		for (const [key, { partition, row }] of left) rows.set(key, await readRow(session, partition, row));
	};
	await Promise.all(Array.from({ length: Math.min(asked.size, TOGETHER) }, reader));
	return rows;
}

function same(
	before: ReadonlyMap<string, Stored | undefined>,
	after: ReadonlyMap<string, Stored | undefined>,
): boolean {
	for (const [key, row] of before) {
		const now = after.get(key);
		// A row that stands for none is as good as missing.
		if (row?.value === undefined && now?.value === undefined) continue;
		if (row?.etag !== now?.etag) return false;
	}
	return true;
}
