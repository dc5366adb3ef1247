/** The value at a dotted path such as "properties.net" or "coordinates.0"; undefined when there is none. */
export function valueAt(value: unknown, path: string): unknown {
	if (own(value, path)) return value[path];
	let at: unknown = value;
	for (const name of path.split(".")) {
		if (!own(at, name)) return undefined;
		at = at[name];
	}
	return at;
}

function own(value: unknown, name: string): value is Record<string, unknown> {
	return typeof value === "object" && value !== null && Object.hasOwn(value, name);
}

/** A value as text: strings as they are, everything else as JSON. */
export function asText(value: unknown): string {
	return typeof value === "string" ? value : JSON.stringify(value);
}
