// What both Workers speak: JSON, and errors as JSON with their code.

import { type Entry, type ErrorCode, isStreamkitError, type Store, StreamkitError } from "streamkit";

const STATUS: Partial<Record<ErrorCode, number>> = {
	INVALID_ARGUMENT: 400,
	NOT_FOUND: 404,
	SEQUENCE_MISMATCH: 409,
	TRX_ID_MISMATCH: 409,
	TRX_NUMBER_AHEAD: 409,
	TRX_NUMBER_BEHIND: 409,
	CONFLICT: 409,
	LIMIT_EXCEEDED: 413,
	UNSUPPORTED: 501,
	UNAVAILABLE: 503,
	CLOSED: 503,
	QUOTA_EXCEEDED: 507,
};

/** The answer to what was thrown. */
export function failure(error: unknown): Response {
	if (!isStreamkitError(error)) {
		console.error(error);
		return Response.json({ error: { code: "INTERNAL", message: "something failed that should not" } }, { status: 500 });
	}
	const { code, message, details, retryable } = error;
	const headers: Record<string, string> = retryable ? { "retry-after": "1" } : {};
	return Response.json({ error: { code, message, details } }, { status: STATUS[code] ?? 500, headers });
}

/** Whether the request only reads. */
export const isRead = ({ method }: Request): boolean => method === "GET" || method === "HEAD";

/** What a request gets: HEAD is GET without the body. */
export const answerTo = ({ method }: Request, response: Response): Response =>
	method === "HEAD" ? new Response(null, response) : response;

export const notFound = (what: string): StreamkitError => new StreamkitError("NOT_FOUND", what);
export const invalid = (argument: string, rule: string): StreamkitError =>
	new StreamkitError("INVALID_ARGUMENT", `${argument}: ${rule}`, { details: { argument } });

/** What a path names: /stores/<store>, then what may follow it. */
export interface Route {
	readonly store: string;
	/** What follows, decoded: ["spaces", <space>, "segments", <segment>], or one word. */
	readonly rest: readonly string[];
	readonly query: URLSearchParams;
}

/** @throws NOT_FOUND for other paths, INVALID_ARGUMENT for names that no store can have. */
export function routeOf(request: Request): Route {
	const { pathname, searchParams } = new URL(request.url);
	let parts: string[];
	try {
		parts = pathname.split("/").slice(1).map(decodeURIComponent);
	} catch {
		throw invalid("path", "is not well encoded");
	}
	const [stores, store, ...rest] = parts;
	if (stores !== "stores" || store === undefined) throw notFound("paths begin with /stores/<store>");
	// These names become prefixes of keys: none of them may hold what ends one.
	if (!/^[A-Za-z0-9_-]{1,64}$/.test(store)) throw invalid("store", "must be 1 to 64 of A-Z, a-z, 0-9, _ and -");
	return { store, rest, query: searchParams };
}

/** A whole number of the query. */
function numberOf(query: URLSearchParams, name: string, otherwise: number, most: number): number {
	const text = query.get(name);
	if (text === null) return otherwise;
	if (!/^[0-9]{1,15}$/.test(text) || Number(text) < 1 || Number(text) > most)
		throw invalid(name, `must be a whole number from 1 to ${most}`);
	return Number(text);
}

/** Where a copy keeps what an entry was in the store that it comes from. */
export const ORIGIN = "origin-id";

/** An entry as JSON: as it is in the object, also when it is read from the copy. */
function shown(entry: Entry): unknown {
	const { [ORIGIN]: origin, ...metadata } = entry.metadata;
	const id = origin ?? entry.id;
	const timestamp = Number(id.slice(0, id.indexOf("-")));
	return { segment: entry.segment, sequence: entry.sequence, id, timestamp, metadata, payload: entry.text() };
}

/** What may be asked for at most. */
const MOST_ENTRIES = 1000;
/** About what an answer holds at most: the object has it in memory as a whole. */
const PAGE_CHARACTERS = 4 << 20;

/** The entries that an answer holds, as JSON: all, or as many as fit it, but at least one. */
async function page(entries: AsyncIterable<Entry>, took: (entry: Entry) => void): Promise<string> {
	const texts: string[] = [];
	let length = 0;
	for await (const entry of entries) {
		const text = JSON.stringify(shown(entry));
		length += text.length;
		if (texts.length > 0 && length > PAGE_CHARACTERS) break;
		texts.push(text);
		took(entry);
	}
	return `[${texts.join()}]`;
}

/** JSON of these fields and of the entries, which are JSON already. */
function pageOf(entries: string, fields: Record<string, unknown>): Response {
	const text = `${JSON.stringify(fields).slice(0, -1)},"entries":${entries}}`;
	return new Response(text, { headers: { "content-type": "application/json" } });
}

/** GET of a segment (?from=<sequence>&limit=) or of a space (?offset=<hex>&limit=). The answer says where to go on. */
async function read(store: Store, { rest, query }: Route, most: number): Promise<Response> {
	const [spaces, space, segments, segment, ...more] = rest;
	if (spaces !== "spaces" || space === undefined || more.length > 0) throw notFound("nothing is read at this path");
	const limit = Math.min(numberOf(query, "limit", 100, MOST_ENTRIES), most);
	if (segments === undefined) {
		let offset = query.get("offset") ?? "";
		const entries = await page(store.consumeSpace({ space, offset, limit }), (entry) => {
			offset = entry.spaceOffset().toHex();
		});
		return pageOf(entries, { space, offset });
	}
	if (segments !== "segments" || segment === undefined) throw notFound("nothing is read at this path");
	let next = numberOf(query, "from", 1, Number.MAX_SAFE_INTEGER);
	const entries = await page(store.consumeSegment({ space, segment, minSequence: next, limit }), ({ sequence }) => {
		next = sequence + 1;
	});
	return pageOf(entries, { space, segment, next });
}

/** A path that is read: entries, or the store's health. most: entries of an answer, whatever is asked for. */
export async function readPath(store: Store, route: Route, most = MOST_ENTRIES): Promise<Response> {
	const [what, ...more] = route.rest;
	return what === "health" && more.length === 0 ? Response.json(await store.health()) : read(store, route, most);
}
