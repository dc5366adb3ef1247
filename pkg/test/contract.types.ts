// Checked by the compiler alone: what the sources export can stand wherever the agreed surface is expected.

import type * as contract from "contract:streamkit";
import type * as contractAzure from "contract:streamkit/azure";
import type * as contractCloudflare from "contract:streamkit/cloudflare";
import type * as contractIndexedDb from "contract:streamkit/indexeddb";
import type * as contractLevel from "contract:streamkit/level";
import type * as contractTesting from "contract:streamkit/testing";
import type * as azure from "../src/azure.js";
import type * as cloudflare from "../src/cloudflare.js";
import type * as ours from "../src/index.js";
import type * as indexeddb from "../src/indexeddb.js";
import type * as level from "../src/level.js";
import type * as testing from "../src/testing.js";

type Offers<Theirs, Ours extends Theirs> = [Theirs, Ours];

export type Values = [
	Offers<typeof contract, typeof ours>,
	Offers<typeof contractIndexedDb, typeof indexeddb>,
	Offers<typeof contractCloudflare, typeof cloudflare>,
	Offers<typeof contractAzure, typeof azure>,
	Offers<typeof contractLevel, typeof level>,
	Offers<typeof contractTesting, typeof testing>,
];

export type Results = [
	Offers<contract.Store, ours.Store>,
	Offers<contract.Entry, ours.Entry>,
	Offers<contract.EntryStream, ours.EntryStream>,
	Offers<contract.SegmentStatus, ours.SegmentStatus>,
	Offers<contract.Subscription, ours.Subscription>,
	Offers<contract.Lease, ours.Lease>,
	Offers<contract.Health, ours.Health>,
	Offers<contract.CompactReport, ours.CompactReport>,
	Offers<contract.VerifyReport, ours.VerifyReport>,
	Offers<contract.Namespaces, ours.Namespaces>,
	Offers<contract.Streams, ours.Streams>,
	Offers<contract.StreamInfo, ours.StreamInfo>,
	Offers<contract.Group, ours.Group>,
	Offers<contract.HostKv, ours.HostKv>,
	Offers<contract.LexKey, ours.LexKey>,
	Offers<contract.StreamkitError, ours.StreamkitError>,
];

// What callers hand in goes the other way.
export type Arguments = [
	Offers<ours.OpenOptions, contract.OpenOptions>,
	Offers<ours.RecordInput, contract.RecordInput>,
	Offers<ours.ProduceOptions, contract.ProduceOptions>,
	Offers<ours.ConsumeSegment, contract.ConsumeSegment>,
	Offers<ours.ConsumeSpace, contract.ConsumeSpace>,
	Offers<ours.Consume, contract.Consume>,
	Offers<ours.ListOptions, contract.ListOptions>,
	Offers<ours.SubscribeOptions, contract.SubscribeOptions>,
	Offers<ours.LexKeyPart, contract.LexKeyPart>,
	Offers<ours.Offset, contract.Offset>,
	Offers<ours.HostKv, contract.HostKv>,
	Offers<ours.ErrorCode, contract.ErrorCode>,
	Offers<contract.ErrorCode, ours.ErrorCode>,
	Offers<ours.GroupOptions, contract.GroupOptions>,
	Offers<ours.TrimOptions, contract.TrimOptions>,
];
