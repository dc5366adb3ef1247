// What the Workers here use of the platform.

import type { durableObjectHost, workersKvHost } from "streamkit/cloudflare";

export interface Namespace {
	idFromName(name: string): unknown;
	get(id: unknown): { fetch(url: string, init?: RequestInit): Promise<Response> };
}

export interface KvNamespace {
	get(name: string, type: "arrayBuffer"): Promise<ArrayBuffer | null>;
	put(name: string, value: Uint8Array | string): Promise<void>;
	delete(name: string): Promise<void>;
	list(options: { prefix?: string; limit?: number; cursor?: string }): Promise<{
		keys: { name: string }[];
		list_complete: boolean;
		cursor?: string;
	}>;
}

export type Storage = Parameters<typeof durableObjectHost>[0] & {
	deleteAll(): Promise<void>;
};

export interface State {
	readonly storage: Storage;
	abort(reason: string): void;
}

export interface Env {
	/** Objects with SQLite. */
	readonly SQL: Namespace;
	/** Objects without. */
	readonly PLAIN: Namespace;
	readonly KV: KvNamespace & Parameters<typeof workersKvHost>[0];
}
