import { equalBytes } from "../../common/bytes.js";
import { encodeUtf8 } from "../../common/utf8.js";

/** The key of the row that opening a store writes. */
const IDENTITY = encodeUtf8("INV\0STORE");

/** Whether a row is one that a user had stored: any but the store's identity. */
export function isContent(key: Uint8Array): boolean {
	return !equalBytes(key, IDENTITY);
}
