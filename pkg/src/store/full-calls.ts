// The calls that only the full engine can answer: where the light one comes first, they are loaded with the full one.

export { openGroup } from "../streams/group.js";
export { alterStream, createStream, deleteStream, listStreams, pageOfStreams, streamInfo } from "../streams/info.js";
export { openFollow, readStream } from "../streams/read.js";
export { trimStream } from "../streams/trim.js";
export { withLease } from "./leases.js";
export { compact, exportAll, importAll, verify } from "./maintenance.js";
