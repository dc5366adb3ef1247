/** What the browser says about the storage of the whole origin. */
export interface OriginFacts {
	readonly persisted?: boolean;
	readonly usage?: number;
	readonly quota?: number;
}

function manager(): Partial<StorageManager> | undefined {
	return (globalThis as { navigator?: { storage?: Partial<StorageManager> } }).navigator?.storage;
}

/** Asks the browser to keep the origin's data. It may ask the user, so the answer is not waited for. */
export function askToPersist(): void {
	try {
		manager()
			?.persist?.()
			.catch(() => {});
	} catch {
		// Where it may not be asked, persisted says so.
	}
}

/** What can be learned; nothing where the browser does not tell. */
export async function originFacts(): Promise<OriginFacts> {
	const storage = manager();
	const [persisted, estimate] = await Promise.all([
		attempt(() => storage?.persisted?.()),
		attempt(() => storage?.estimate?.()),
	]);
	const { usage, quota } = estimate ?? {};
	return {
		...(persisted === undefined ? {} : { persisted }),
		...(usage === undefined ? {} : { usage }),
		...(quota === undefined ? {} : { quota }),
	};
}

async function attempt<T>(ask: () => Promise<T> | undefined): Promise<T | undefined> {
	try {
		return await ask();
	} catch {
		return undefined;
	}
}
