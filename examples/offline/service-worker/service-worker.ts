// Keeps every file of one build, so that the page works without a network. It needs no store and imports nothing:
// service workers may not use import().

/** Put in by the build: see build/precache.ts. */
declare const __PRECACHE__: { readonly version: string; readonly files: readonly string[] };

const worker = self as unknown as ServiceWorkerGlobalScope;
const { version, files } = __PRECACHE__;
const family = `field-log:${worker.registration.scope}:`;
const current = family + version;

/** All files of the build or none: a version that is kept in part would break later, without a network. */
async function keep(): Promise<void> {
	const cache = await caches.open(current);
	// Past the browser's own cache: a page of yesterday must not become part of today's version.
	await cache.addAll(files.map((file) => new Request(file, { cache: "reload" })));
}

/** One version before is kept as well: tabs that still show it may have parts to load. */
async function forget(): Promise<void> {
	const others = (await caches.keys()).filter((name) => name.startsWith(family) && name !== current);
	await Promise.all(others.slice(0, -1).map((name) => caches.delete(name)));
}

async function answer(request: Request): Promise<Response> {
	const cache = await caches.open(current);
	// Whatever follows the "?" is for the page, which is the only one there is.
	const page = request.mode === "navigate";
	const kept = page ? await cache.match("index.html") : ((await cache.match(request)) ?? (await caches.match(request)));
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
