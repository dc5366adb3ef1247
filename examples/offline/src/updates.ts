/** What the service worker has to say to the page. */
export interface Updates {
	/** Everything is kept: from now on the page needs no network. */
	readonly kept: () => void;
	/** A new version waits until `use` is called. */
	readonly waiting: (use: () => void) => void;
	/** Another tab changed to a new version. */
	readonly changed: () => void;
}

/** Keeps the page for use without a network. Only in what was built: while developing there is nothing to keep. */
export async function keepPage(updates: Updates): Promise<void> {
	if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
	const { serviceWorker } = navigator;
	// The first worker takes over a page that had none: that is no new version.
	let controlled = serviceWorker.controller !== null;
	let asked = false;
	serviceWorker.addEventListener("controllerchange", () => {
		if (asked) location.reload();
		else if (controlled) updates.changed();
		controlled = true;
	});
	const registration = await serviceWorker.register("./service-worker.js", { updateViaCache: "none" });
	const offer = (worker: ServiceWorker | null): void => {
		if (worker?.state !== "installed" || !controlled) return;
		updates.waiting(() => {
			asked = true;
			worker.postMessage("take-over");
		});
	};
	offer(registration.waiting);
	registration.addEventListener("updatefound", () => {
		const worker = registration.installing;
		worker?.addEventListener("statechange", () => offer(worker));
	});
	// A page that stays open for days looks whenever it is looked at.
	document.addEventListener("visibilitychange", () => {
		if (document.visibilityState === "visible" && navigator.onLine) registration.update().catch(() => {});
	});
	await serviceWorker.ready;
	updates.kept();
}
