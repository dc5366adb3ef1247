import type { HostLimits } from "../../host.js";

/** Operations of one entity group transaction. */
export const MOST_OPERATIONS = 100;
/** Bytes of one binary property. */
export const PROPERTY_BYTES = 64 << 10;
/** Characters of a partition key or a row key: both are kept in UTF-16, 1 KiB of it. */
export const MOST_CHARACTERS = 512;
/** Characters of the prefix of all partition keys. */
export const MOST_PREFIX = 64;

/** Bytes of a request. */
const REQUEST_BYTES = 4 << 20;
/**
 * What an operation takes of a request besides keys and values: its headers, the table's URL, the names of its
 * properties.
 */
const OPERATION_BYTES = 1_024;
/** What a byte of a key takes: a character of three bytes, percent-encoded in the URL and as it is in the body. */
const KEY_FACTOR = 9 + 3;
const LONGEST_KEY = MOST_CHARACTERS - 1;
/** One for the mark that a commit with deletes leaves. */
const OPERATIONS = MOST_OPERATIONS - 1;

// An entity may have 1 MiB; the emulator counts the base64 text, three quarters of which are 768 KiB, with the keys.
const VALUE_BYTES = 750 << 10;

// The request is at its largest when all operations have keys as long as can be. Values are sent as base64; each
// further property of a value has a name and a type.
const FOR_VALUES =
	REQUEST_BYTES - 4_096 - MOST_OPERATIONS * (OPERATION_BYTES + KEY_FACTOR * LONGEST_KEY + 2 * MOST_PREFIX);
const BATCH_BYTES = Math.floor(FOR_VALUES / (4 / 3 + 64 / PROPERTY_BYTES));

export const LIMITS: HostLimits = Object.freeze({
	maxKeyBytes: LONGEST_KEY,
	maxValueBytes: VALUE_BYTES,
	maxBatchOps: OPERATIONS,
	maxBatchBytes: BATCH_BYTES,
	// Few operations a commit, and no more of a row than a small read can bear.
	blockBytes: 256 << 10,
	atomic: "space",
	checks: true,
	consistent: true,
	shared: true,
	compress: true,
});
