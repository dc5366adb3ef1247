import { appendAndRead } from "./scenes.js";

addEventListener("message", (event) => {
	const { data, ports } = event as MessageEvent<[string, string]>;
	const [port] = ports;
	const work = appendAndRead(data[0], "service-worker", data[1]).then((found) => port?.postMessage(found));
	(event as MessageEvent & { waitUntil(work: Promise<void>): void }).waitUntil(work);
});
