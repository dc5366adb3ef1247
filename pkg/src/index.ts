export type { Bytes } from "./common/bytes.js";
export { json } from "./common/json.js";
export { checkOptions } from "./common/validate.js";
export { type ErrorCode, isStreamkitError, StreamkitError } from "./errors.js";
export type { Health, HostBatch, HostCommit, HostKv, HostLimits, ScanPage, ScanRange } from "./host.js";
export { memoryHost } from "./hosts/memory.js";
export { end, f64, i64, LexKey, type LexKeyPart, type TypedPart, u64, uuid } from "./lexkey.js";
export { openNamespaces } from "./namespaces/namespaces.js";
export { openStore } from "./store/store.js";
export type { Namespaces, Store } from "./store/types.js";
export type {
	AppendOptions,
	AppendResult,
	Delivery,
	Group,
	GroupInfo,
	GroupOptions,
	Pending,
	ReadOptions,
	StreamInfo,
	StreamOptions,
	Streams,
	TrimOptions,
	TrimResult,
} from "./streams/types.js";
export type {
	Abortable,
	CompactReport,
	Consume,
	ConsumeSegment,
	ConsumeSpace,
	Durability,
	Entry,
	EntryStream,
	Lease,
	ListOptions,
	MaybePromise,
	Offset,
	OpenOptions,
	ProduceOptions,
	Progress,
	ReadBounds,
	RecordInput,
	SegmentStatus,
	StatusHandler,
	SubscribeOptions,
	Subscription,
	Trx,
	VerifyReport,
} from "./types.js";
