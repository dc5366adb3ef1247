import { checkOptions, type HostKv, type OpenOptions, openStore, type Store } from "streamkit";
import { DirectoryHost } from "./host.js";

/**
 * A durable store in a directory (LMDB), created if missing. Any number of processes of one machine may have it open.
 * The default durability is "strict".
 *
 * @throws INVALID_ARGUMENT when the path is a file, or a directory that holds something else; UNAVAILABLE when it may
 * not be written; QUOTA_EXCEEDED when there is no room to create it; CORRUPT when its files are damaged;
 * UNSUPPORTED when a later version has made it.
 */
export async function openDirectory(path: string, options: OpenOptions = {}): Promise<Store> {
	// Before a directory is made; throws the reason of a signal that has fired.
	checkOptions(options);
	return openOwned(new DirectoryHost(path), options);
}

/** Opens a store on a host that is closed with it. `closed` is called once that is done. */
export async function openOwned(host: HostKv, options: OpenOptions, closed: () => void = () => {}): Promise<Store> {
	let store: Store;
	try {
		store = await openStore(host, { ...options, durability: options.durability ?? "strict" });
	} catch (error) {
		await host.close?.();
		throw error;
	}
	const closeStore = store.close.bind(store);
	let closing: Promise<void> | undefined;
	const close = (): Promise<void> => {
		closing ??= closeStore()
			.finally(() => host.close?.())
			.finally(closed);
		return closing;
	};
	Object.defineProperty(store, "close", { value: close });
	Object.defineProperty(store, Symbol.asyncDispose, { value: close });
	return store;
}
