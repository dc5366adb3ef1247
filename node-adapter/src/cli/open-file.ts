import { close, open } from "node:fs";
import { Socket } from "node:net";
import { promisify } from "node:util";

const openDescriptor = promisify(open);

let opening = 0;

/** Whether something is being opened that may never be open: the process cannot exit as long as that lasts. */
export function isOpening(): boolean {
	return opening > 0;
}

/**
 * Opens a file. A pipe without a peer is open when one comes, which can be never: then it ends with the signal.
 * @throws the signal's reason.
 */
export async function openFile(path: string, flags: "r" | "w", signal: AbortSignal): Promise<number> {
	signal.throwIfAborted();
	opening += 1;
	const opened = openDescriptor(path, flags).finally(() => {
		opening -= 1;
	});
	let giveUp = (): void => {};
	const stopped = new Promise<never>((_, reject) => {
		giveUp = () => reject(signal.reason);
		signal.addEventListener("abort", giveUp);
	});
	try {
		return await Promise.race([opened, stopped]);
	} catch (error) {
		// A peer that comes now comes too late.
		opened.then(
			(late) => close(late, () => {}),
			() => {},
		);
		throw error;
	} finally {
		signal.removeEventListener("abort", giveUp);
	}
}

/** A pipe as a stream, which can be ended while it waits for its peer. */
export function pipeStream(descriptor: number, direction: "read" | "write"): Socket {
	return new Socket({ fd: descriptor, readable: direction === "read", writable: direction === "write" });
}
