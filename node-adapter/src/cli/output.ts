import { codeOf } from "../errors.js";
import { OutputClosed } from "./interrupt.js";

/** Standard output or error: waits while the reader is slow, and notices when it is gone. */
export class Output {
	readonly #stream: NodeJS.WriteStream;
	#failure: unknown;

	/** failed: called once when nothing more can be written, with OutputClosed when the reader is gone. */
	constructor(stream: NodeJS.WriteStream, failed: (reason: unknown) => void) {
		this.#stream = stream;
		stream.on("error", (error) => {
			if (this.#failure !== undefined) return;
			// The system's message does not say which file it was: it could be the store's.
			error.message = `the output: ${error.message}`;
			this.#failure = codeOf(error) === "EPIPE" ? new OutputClosed() : error;
			failed(this.#failure);
		});
	}

	/** Whether a person is looking at it. */
	get isTerminal(): boolean {
		return this.#stream.isTTY === true;
	}

	/** Columns of the terminal; some say that they have none. */
	get width(): number {
		return this.#stream.columns || 80;
	}

	/** Resolves when there is room for more. */
	async write(chunk: string | Uint8Array): Promise<void> {
		if (this.#failure !== undefined) throw this.#failure;
		if (chunk.length === 0 || this.#stream.write(chunk)) return;
		await this.#settled("drain");
	}

	/** Resolves when all that was written has been handed over, also by others. */
	async flush(): Promise<void> {
		// An error is told only after the call that met it.
		const settled = this.#stream.writableLength === 0 && this.#stream.errored === null;
		if (this.#failure === undefined && !settled) {
			await new Promise<void>((resolve) => {
				this.#stream.once("error", () => resolve());
				this.#stream.once("close", resolve);
				this.#stream.write("", () => resolve());
			});
		}
		if (this.#failure !== undefined) throw this.#failure;
	}

	async #settled(event: "drain"): Promise<void> {
		const stream = this.#stream;
		await new Promise<void>((resolve) => {
			const events = [event, "error", "close"];
			const done = (): void => {
				for (const name of events) stream.off(name, done);
				resolve();
			};
			for (const name of events) stream.once(name, done);
		});
		if (this.#failure !== undefined) throw this.#failure;
	}
}
