import { appendAndRead } from "./scenes.js";

addEventListener("connect", (event) => {
	const [port] = (event as MessageEvent).ports;
	if (port === undefined) return;
	port.onmessage = async ({ data: [database, payload] }: MessageEvent<[string, string]>) => {
		port.postMessage(await appendAndRead(database, "shared-worker", payload));
	};
});
