/** What is used of a Workers KV namespace. */
export interface KvNamespace {
	get(name: string, type: "arrayBuffer"): Promise<ArrayBuffer | null>;
	put(name: string, value: Uint8Array): Promise<void>;
	delete(name: string): Promise<void>;
	list(options: { prefix: string; limit: number; cursor?: string }): Promise<KvPage>;
}

export interface KvPage {
	readonly keys: readonly { readonly name: string }[];
	readonly list_complete: boolean;
	readonly cursor?: string;
}
