// A store on a directory in a process or thread of its own: appends what it is told to.

import { parentPort, workerData } from "node:worker_threads";
import { openDirectory } from "@streamkit/node";

const store = await openDirectory(workerData?.path ?? process.argv[2]);
const send = (message) => (parentPort === null ? process.send(message) : parentPort.postMessage(message));

(parentPort ?? process).on("message", async ({ number, space, segment, payload }) => {
	if (space === undefined) {
		await store.close();
		if (parentPort === null) process.disconnect();
		else parentPort.close();
		return;
	}
	const { lastSequence } = await store.publish(space, segment, payload);
	send({ number, lastSequence });
});
send({ number: 0 });
