import { resolve } from "node:path";
import type { Command } from "commander";
import type { OpenOptions, Store } from "streamkit";
import { checkNamespaceName, DEFAULT_NAMESPACE } from "../namespaces/namespaces.js";
import { Output } from "./output.js";
import { namesIn, openPlace, otherNamespaces, requirePlace, runIn, writePlace } from "./places.js";
import { type Colors, colorsFor } from "./terminal.js";
import { usage } from "./usage.js";

/** What every command takes. */
export interface GlobalOptions {
	readonly dir?: string;
}

export const DEFAULT_DIRECTORY = "streamkit-data";

/** What a command works with. */
export class Context {
	readonly out: Output;
	readonly err: Output;
	readonly colors: Colors;
	readonly errorColors: Colors;
	/** Fires when the program is to end. */
	readonly signal: AbortSignal;
	/** What to exit with when nothing fails. */
	exitCode = 0;
	/** The command that runs, once the command line is read. */
	command: Command | undefined;
	/** Whether output is for programs: known before the rest of the command line, which may be what is wrong. */
	json = false;
	/** Whether Ctrl-C is the ordinary way to end this command. */
	endless = false;
	/** Whether a part of the output is of no use to whoever reads it. */
	wholeOnly = false;
	#options: GlobalOptions = {};
	#namespace: string | undefined;

	constructor(controller: AbortController) {
		this.signal = controller.signal;
		this.out = new Output(process.stdout, (reason) => controller.abort(reason));
		this.err = new Output(process.stderr, () => {});
		this.colors = colorsFor(this.out.isTerminal);
		this.errorColors = colorsFor(this.err.isTerminal);
	}

	/** Called once the command line is read. */
	configure(options: GlobalOptions, command: Command): void {
		this.command = command;
		this.#options = options;
		if (options.dir === "") throw usage("--dir", "must not be empty");
		// More likely the option after it, with the path forgotten.
		if (options.dir?.startsWith("-")) throw usage("--dir", `must not begin with "-": use ./${options.dir}`);
	}

	/** Called once the command line of a command with namespaces is read. undefined: none is named. */
	useNamespace(name: string | undefined): void {
		if (name !== undefined) checkNamespaceName("--namespace", name);
		this.#namespace = name;
	}

	/** The namespace that the command works in. */
	get namespace(): string {
		return this.#namespace ?? DEFAULT_NAMESPACE;
	}

	/** The store's directory: --dir, else STREAMKIT_DIR, else streamkit-data in the working directory. */
	get directory(): string {
		return resolve(this.#options.dir ?? (process.env["STREAMKIT_DIR"] || DEFAULT_DIRECTORY));
	}

	/** One line of output: the object for programs, the text for people. */
	async print(value: unknown, text: () => string): Promise<void> {
		await this.out.write(`${this.json ? JSON.stringify(value) : text()}\n`);
	}

	/** A remark for people, beside the output. */
	async note(text: string): Promise<void> {
		if (!this.json) await this.err.write(`${text}\n`);
	}

	/** Says which namespaces a command has left out that works in one of them, unless that one was asked for. */
	async noteOtherNamespaces(): Promise<void> {
		if (this.#namespace !== undefined) return;
		// What the command was to do is done, whatever stands where the namespaces would be.
		const names = await namesIn(this.directory).catch(() => []);
		const others = names.filter((name) => name !== this.namespace);
		if (others.length > 0) await this.note(`not included: ${otherNamespaces(others)}`);
	}

	/** Runs with the store that is there. @throws NOT_FOUND when there is none; nothing is created. */
	async reading(run: (store: Store) => Promise<void>): Promise<void> {
		await requirePlace(this.directory, this.#namespace);
		const options = { autoCompact: false, retentionInterval: 0, signal: this.signal };
		const place = await openPlace(this.directory, this.#namespace, options);
		await runIn(place, run);
	}

	/** Runs with the store, created if there is none; what is refused creates nothing. compress: what is written. */
	async writing(run: (store: Store) => Promise<void>, compress = false): Promise<void> {
		const options: OpenOptions = { signal: this.signal, compression: compress ? "always" : "auto" };
		await writePlace(this.directory, this.#namespace, options, run);
	}
}
