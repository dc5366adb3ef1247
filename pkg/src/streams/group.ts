import { StreamkitError } from "../errors.js";
import type { StreamContext } from "./context.js";
import type { Group } from "./types.js";

/** A consumer group of a stream. */
export function openGroup(_context: StreamContext, _stream: string, _group: string): Group {
	throw new StreamkitError("UNSUPPORTED", "consumer groups are not part of this version yet");
}
