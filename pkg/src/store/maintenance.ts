import { unlessAborted } from "../common/abort.js";
import { type Bytes, isUint8Array } from "../common/bytes.js";
import {
	checkIterable,
	checkName,
	checkSignal,
	checkStep,
	iteratorOf,
	optionalFunction,
	optionsObject,
} from "../common/validate.js";
import { Yielder } from "../common/yielder.js";
import type { Engine, Stepper } from "../engine/abi.js";
import type { Kind } from "../engine/pending.js";
import type { EngineSlot } from "../engine/slot.js";
import { invalid, StreamkitError } from "../errors.js";
import { unheeded } from "../hosts/answers.js";
import type { Abortable, CompactReport, Progress, VerifyReport } from "../types.js";

/** Bytes that an import takes in at a time. */
const PIECE_BYTES = 1 << 20;

/** Options of long operations. */
export type ProgressOptions = Abortable & { onProgress?: ((p: Progress) => void) | undefined };

/** spaces: only these. */
export type TransferOptions = ProgressOptions & { spaces?: readonly string[] | undefined };

/** How often an import gives a sign of life while its source is silent: without one for 30 seconds it was broken off. */
const SIGN_OF_LIFE_MS = 10_000;
const NOTHING: Bytes = new Uint8Array(0);

interface Operation {
	free(): void;
}

/** An operation of several calls on one instance of the engine: when that is lost, so is the operation. */
class Session<T extends Operation> {
	readonly #slot: EngineSlot;
	readonly #engine: Engine;
	readonly operation: T;
	#running: Promise<unknown> = Promise.resolve();
	readonly #yielder = new Yielder();

	private constructor(slot: EngineSlot, engine: Engine, operation: T) {
		this.#slot = slot;
		this.#engine = engine;
		this.operation = operation;
	}

	static async open<T extends Operation>(
		slot: EngineSlot,
		make: (engine: Engine) => T,
		signal: AbortSignal | undefined,
	): Promise<Session<T>> {
		const engine = await unlessAborted(slot.full(), signal);
		return new Session(slot, engine, slot.now(make));
	}

	#check(): void {
		if (this.#slot.engine === this.#engine || this.#slot.closed) return;
		throw new StreamkitError("UNAVAILABLE", "the engine was lost during the operation", {
			details: { applied: "unknown" },
		});
	}

	async call<R>(kind: Kind, start: (operation: T) => Promise<R>, signal: AbortSignal | undefined): Promise<R> {
		if (this.#yielder.due(this.#slot.hostWaits)) await this.#yielder.next();
		if (signal?.aborted === true) throw signal.reason;
		this.#check();
		return this.#slot.run(
			kind,
			() => {
				const answer = start(this.operation);
				this.#running = answer;
				return answer;
			},
			// A step that writes is waited for; the signal is looked at between steps.
			kind === "write" ? undefined : signal,
		);
	}

	now<R>(call: (operation: T) => R): R {
		this.#check();
		return this.#slot.now(() => call(this.operation));
	}

	/** Gives its memory back, when no call stands on it any more. */
	free(): void {
		const release = (): void => {
			if (this.#slot.engine !== this.#engine || this.#slot.closed) return;
			try {
				this.operation.free();
			} catch {
				// A call is still under way in the engine; the memory goes with the instance.
			}
		};
		this.#running.then(release, release);
	}
}

/** Everything as a byte stream. */
export function exportAll(slot: EngineSlot, input: TransferOptions | undefined): AsyncIterable<Bytes> {
	return {
		async *[Symbol.asyncIterator]() {
			const options = optionsObject(input);
			const onProgress = optionalFunction("onProgress", options.onProgress);
			const spaces = optionalSpaces(options.spaces);
			const signal = checkSignal(options.signal);
			const session = await Session.open(slot, (engine) => engine.exporter(spaces), signal);
			try {
				for (;;) {
					const bytes = await session.call("read", (exporter) => exporter.next(), signal);
					if (bytes === undefined) return;
					onProgress?.(session.now((exporter) => ({ done: exporter.done(), total: exporter.total() })));
					yield bytes;
				}
			} finally {
				session.free();
			}
		},
	};
}

function optionalSpaces(spaces: unknown): string[] | undefined {
	if (spaces === undefined) return undefined;
	if (!Array.isArray(spaces)) throw invalid("spaces", "must be an array of names");
	// Not forEach, which passes over holes.
	for (const [i, space] of spaces.entries()) checkName(`spaces[${i}]`, space);
	return [...(spaces as string[])];
}

/** The answer, however late: as long as it does not come, something is done now and then. */
async function whileSilent<T>(answer: Promise<T>, act: () => Promise<unknown>): Promise<T> {
	// Where an act fails, nobody waits for the answer any more.
	const given = answer.then((value) => ({ value }));
	given.catch(() => {});
	for (;;) {
		let timer: ReturnType<typeof setTimeout> | undefined;
		const silent = new Promise<undefined>((resolve) => {
			timer = setTimeout(() => resolve(undefined), SIGN_OF_LIFE_MS);
			// A source that nothing stands behind any more must not keep a process alive.
			(timer as { unref?: () => unknown }).unref?.();
		});
		const first = await Promise.race([given, silent]).finally(() => clearTimeout(timer));
		if (first !== undefined) return first.value;
		await act();
	}
}

/** Takes in what exportAll gave. */
export async function importAll(
	slot: EngineSlot,
	source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
	input: TransferOptions | undefined,
): Promise<{ spaces: number; segments: number; entries: number }> {
	checkIterable("source", source);
	if (ArrayBuffer.isView(source))
		throw invalid("source", "must be an iterable of Uint8Array; wrap a single one in an array");
	const options = optionsObject(input);
	const onProgress = optionalFunction("onProgress", options.onProgress);
	const spaces = optionalSpaces(options.spaces);
	const signal = checkSignal(options.signal);
	const session = await Session.open(slot, (engine) => engine.importer(spaces), signal);
	const iterator = iteratorOf("source", source);
	let exhausted = false;
	try {
		for (;;) {
			const next = slot.unlessClosed(unlessAborted(Promise.resolve(iterator.next()), signal));
			const step = await whileSilent(next, () => session.call("write", (importer) => importer.push(NOTHING), signal));
			if (checkStep("source", step).done === true) {
				exhausted = true;
				break;
			}
			const bytes: unknown = step.value;
			if (!isUint8Array(bytes)) throw invalid("source", "must give Uint8Array that are not detached");
			for (const piece of pieces(bytes)) {
				await session.call("write", (importer) => importer.push(piece), signal);
				onProgress?.(session.now((importer) => ({ done: importer.done(), total: undefined })));
			}
		}
		const stored = await session.call("write", (importer) => importer.finish(), signal);
		return { spaces: stored.spaces, segments: stored.segments, entries: stored.entries };
	} catch (error) {
		// An export that is cut short is taken back by the engine, as far as its last space. What ended the import is the
		// error to report, and what the engine took back already it does not take back twice.
		await session.call("write", (importer) => importer.finish(), undefined).catch(() => {});
		throw error;
	} finally {
		session.free();
		if (!exhausted) {
			try {
				unheeded(iterator.return?.());
			} catch {
				// The error that ended the import is the one to report.
			}
		}
	}
}

/** A file that comes as one array is looked at in steps too, between which the import can be ended. */
function* pieces(bytes: Uint8Array): Generator<Uint8Array> {
	for (let from = 0; from < bytes.length; from += PIECE_BYTES) yield bytes.subarray(from, from + PIECE_BYTES);
}

async function steps<Report>(
	slot: EngineSlot,
	make: (engine: Engine) => Stepper<Report>,
	kind: Kind,
	signal: AbortSignal | undefined,
	onProgress: ((p: Progress) => void) | undefined,
): Promise<Report> {
	const session = await Session.open(slot, make, signal);
	try {
		for (;;) {
			const more = await session.call(kind, (stepper) => stepper.step(), signal);
			onProgress?.(session.now((stepper) => ({ done: stepper.done(), total: stepper.total() })));
			if (!more) return session.now((stepper) => stepper.report());
		}
	} finally {
		session.free();
	}
}

/** Merges and compresses. */
export async function compact(
	slot: EngineSlot,
	input: (ProgressOptions & { space?: string | undefined }) | undefined,
): Promise<CompactReport> {
	const options = optionsObject(input);
	const { space } = options;
	if (space !== undefined) checkName("space", space);
	const onProgress = optionalFunction("onProgress", options.onProgress);
	const signal = checkSignal(options.signal);
	return steps(slot, (engine) => engine.compactor(space), "write", signal, onProgress);
}

/** Reads everything back. */
export async function verify(slot: EngineSlot, input: ProgressOptions | undefined): Promise<VerifyReport> {
	const options = optionsObject(input);
	const onProgress = optionalFunction("onProgress", options.onProgress);
	const signal = checkSignal(options.signal);
	return steps(slot, (engine) => engine.verifier(), "read", signal, onProgress);
}
