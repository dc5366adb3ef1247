import type { Bytes } from "../../common/bytes.js";
import { StreamkitError } from "../../errors.js";
import type { Entity } from "./client.js";
import { PROPERTY_BYTES } from "./limits.js";

/** The commit that wrote a row last. */
export const MARK = "c";
/** Says that the row stands for one that is not there. */
export const GONE = "g";
/** Keys alone, and whether the row stands for none. */
export const KEYS_ONLY = ["partitionKey", "rowKey", GONE];

/** A row as it was read. */
export interface Stored {
	readonly etag: string;
	/** undefined: the row stands for one that is not there. */
	readonly value: Uint8Array | undefined;
	readonly mark: unknown;
}

/** A value as binary properties v0, v1 ... */
export function propertiesOf(value: Uint8Array): Record<string, Uint8Array> {
	const properties: Record<string, Uint8Array> = {};
	for (let at = 0, n = 0; at < value.length; at += PROPERTY_BYTES, n++) {
		// A copy: the client encodes the whole buffer behind a view.
		properties[`v${n}`] = value.slice(at, at + PROPERTY_BYTES);
	}
	return properties;
}

/** Whether an entity stands for a row that is not there. */
export function isGone(entity: Entity): boolean {
	return entity[GONE] === true;
}

/** The value of an entity that has one. */
export function contentOf(entity: Entity): Bytes {
	const parts: Uint8Array[] = [];
	let length = 0;
	for (let n = 0; ; n++) {
		const part = entity[`v${n}`];
		if (part === undefined || part === null) break;
		if (!(part instanceof Uint8Array)) {
			throw new StreamkitError("UNAVAILABLE", `host "azure-table": an entity has a v${n} that is not binary`, {
				retryable: false,
				details: { applied: false },
			});
		}
		parts.push(part);
		length += part.length;
	}
	const value = new Uint8Array(length);
	let at = 0;
	for (const part of parts) {
		value.set(part, at);
		at += part.length;
	}
	return value;
}

/** A row as an entity holds it. */
export function storedOf(entity: Entity): Stored {
	return {
		etag: String(entity.etag),
		value: isGone(entity) ? undefined : contentOf(entity),
		mark: entity[MARK],
	};
}
