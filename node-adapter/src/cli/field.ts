import { sourceAt } from "./json-source.js";
import type { Line } from "./ndjson.js";

/** The value at a dotted path such as "properties.net" or "coordinates.0"; undefined when there is none. */
export function valueAt(value: unknown, path: string): unknown {
	let at: unknown = value;
	for (const name of namesTo(value, path)) {
		if (!owns(at, name)) return undefined;
		at = at[name];
	}
	return at;
}

/**
 * The same of a line as text: a text as it is, everything else as it is written there. Numbers keep all their digits,
 * of which a number in memory has some only.
 */
export function textAt({ text, value }: Pick<Line, "text" | "value">, path: string): string | undefined {
	const at = valueAt(value, path);
	return at === undefined || typeof at === "string" ? at : sourceAt(text, namesTo(value, path));
}

/** The names along a path; a name that is the whole path comes first. */
function namesTo(value: unknown, path: string): readonly string[] {
	return owns(value, path) ? [path] : path.split(".");
}

function owns(value: unknown, name: string): value is Record<string, unknown> {
	if (typeof value !== "object" || value === null) return false;
	// What an array has besides its elements is not in the JSON.
	return Object.hasOwn(value, name) && !(Array.isArray(value) && name === "length");
}
