// Keeps every file of one build, so that the page works without a network. It needs no store and imports nothing:
// service workers may not use import().

/** Put in by the build: see build/precache.ts. */
declare const __PRECACHE__: { readonly version: string; readonly files: readonly string[] };

const worker = self as unknown as ServiceWorkerGlobalScope;
const { version, files } = __PRECACHE__;
const family = `field-log:${worker.registration.scope}:`;
const current = family + version;

/** The file that a cache gets last: one without it is of an install that broke off. */
const page = "index.html";

/** A file as it is now, once all of it has arrived. */
async function load(file: string): Promise<Response> {
	// Past the browser's own cache: a page of yesterday must not become part of today's version.
	const response = await fetch(file, { cache: "reload" });
	if (!response.ok) throw new Error(`${response.url}: ${response.status}`);
	await response.clone().blob();
	return response;
}

/** All files of the build or none: a version that is kept in part would break later, without a network. */
async function keep(): Promise<void> {
	const others = files.filter((file) => file !== page);
	const loaded = await Promise.all([...others, page].map(async (file) => [file, await load(file)] as const));
	// Tabs may run this very version if it was taken back to, so it stays until here. Made anew it is the last of the
	// caches, which are listed in the order in which they were made.
	await caches.delete(current);
	try {
		const cache = await caches.open(current);
		for (const [file, response] of loaded) await cache.put(file, response);
	} catch (error) {
		// There was no room for all.
		await caches.delete(current);
		throw error;
	}
}

/** One version before is kept as well: tabs that still show it may have parts to load. */
async function forget(): Promise<void> {
	const others = (await caches.keys()).filter((name) => name.startsWith(family) && name !== current);
	const whole = await Promise.all(others.map((cacheName) => caches.match(page, { cacheName })));
	const before = others.filter((_, index) => whole[index] !== undefined).at(-1);
	await Promise.all(others.filter((name) => name !== before).map((name) => caches.delete(name)));
}

async function answer(request: Request): Promise<Response> {
	const cache = await caches.open(current);
	// Whatever follows the "?" is for the page, which is the only one there is.
	const isPage = request.mode === "navigate";
	const kept = isPage ? await cache.match(page) : ((await cache.match(request)) ?? (await caches.match(request)));
	return kept ?? fetch(request);
}

worker.addEventListener("install", (event) => event.waitUntil(keep()));
worker.addEventListener("activate", (event) => event.waitUntil(forget().then(() => worker.clients.claim())));
worker.addEventListener("fetch", (event) => {
	const { request } = event;
	if (request.method !== "GET" || !request.url.startsWith(worker.registration.scope)) return;
	event.respondWith(answer(request));
});
// The page asks, when its user wants the new version.
worker.addEventListener("message", (event) => {
	if (event.data === "take-over") event.waitUntil(worker.skipWaiting());
});
