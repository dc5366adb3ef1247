import { appendAndRead } from "./scenes.js";

addEventListener("message", async ({ data: [database, payload] }: MessageEvent<[string, string]>) => {
	postMessage(await appendAndRead(database, "worker", payload));
});
