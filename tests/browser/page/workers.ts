// Asks workers of each kind to append and read, from the tab that starts them.

type Ask = readonly [database: string, payload: string];

export function askWorker(...ask: Ask): Promise<string[]> {
	const worker = new Worker("/scripts/worker.js", { type: "module" });
	return new Promise<string[]>((resolve, reject) => {
		worker.onmessage = ({ data }: MessageEvent<string[]>) => resolve(data);
		worker.onerror = ({ message }) => reject(new Error(message));
		worker.postMessage(ask);
	}).finally(() => worker.terminate());
}

export function askSharedWorker(...ask: Ask): Promise<string[]> {
	const worker = new SharedWorker("/scripts/shared-worker.js", { type: "module" });
	return new Promise<string[]>((resolve, reject) => {
		worker.port.onmessage = ({ data }: MessageEvent<string[]>) => resolve(data);
		worker.onerror = () => reject(new Error("the shared worker failed"));
		worker.port.postMessage(ask);
	}).finally(() => worker.port.close());
}

export async function askServiceWorker(...ask: Ask): Promise<string[]> {
	const registration = await navigator.serviceWorker.register("/scripts/service-worker.js", { type: "module" });
	const worker = registration.installing ?? registration.waiting ?? registration.active;
	if (worker === null) throw new Error("there is no service worker");
	const { port1, port2 } = new MessageChannel();
	try {
		return await new Promise<string[]>((resolve) => {
			port1.onmessage = ({ data }: MessageEvent<string[]>) => resolve(data);
			// A message waits until the worker has been installed and runs.
			worker.postMessage(ask, [port2]);
		});
	} finally {
		await registration.unregister();
	}
}
