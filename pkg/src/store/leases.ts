import { onAbort, unlessAborted } from "../common/abort.js";
import { randomUuid } from "../common/bytes.js";
import { checkInteger, checkName, checkSignal, optionsObject, TIMESTAMP_END } from "../common/validate.js";
import type { EngineSlot } from "../engine/slot.js";
import { closedError, invalid, isStreamkitError, StreamkitError } from "../errors.js";
import type { Abortable, Lease, MaybePromise } from "../types.js";
import { fullWrite } from "../writing/full-write.js";
import { LeasePlace } from "./lease-place.js";

// Where the clock of the holder runs ahead of ours, its expiry is later than we think: look again at least this often.
const RETRY_MS = 1000;

// So much longer than its time the engine leaves a lease to its holder.
const MARGIN_MS = 250;

/** Options of withLease. */
export type LeaseOptions = Abortable & { holder?: string | undefined; wait?: number | undefined };

/** Runs a function while holding a lease. */
export async function withLease<T>(
	slot: EngineSlot,
	key: string,
	ttl: number,
	run: (lease: Lease) => MaybePromise<T>,
	input: LeaseOptions | undefined,
): Promise<T> {
	checkName("key", key);
	checkInteger("ttl", ttl, 1, TIMESTAMP_END - 1);
	if (typeof run !== "function") throw invalid("run", "must be a function");
	const options = optionsObject(input);
	const holder = options.holder === undefined ? randomUuid() : options.holder;
	checkName("holder", holder);
	const wait = options.wait === undefined ? 0 : options.wait;
	if (typeof wait !== "number" || Number.isNaN(wait) || wait < 0)
		throw invalid("wait", "must be a number of milliseconds of at least 0");
	const signal = checkSignal(options.signal);

	const { token, asked } = await acquire(slot, key, holder, ttl, wait, signal);
	// Nobody can renew it or release it any more: it runs out by itself.
	if (slot.closed) throw closedError();
	const held = new HeldLease(slot, key, holder, token, ttl, asked);
	if (signal?.aborted === true) {
		await held.release().catch(() => {});
		throw signal.reason;
	}
	return held.run(run, signal);
}

/** asked: when, on this process's steady clock; the lease runs from then on, however late the answer comes. */
async function acquire(
	slot: EngineSlot,
	key: string,
	holder: string,
	ttl: number,
	wait: number,
	signal: AbortSignal | undefined,
): Promise<{ token: number; asked: number }> {
	const deadline = performance.now() + wait;
	let place: LeasePlace | undefined;
	try {
		for (;;) {
			while (!slot.isFull || slot.closed) await unlessAborted(slot.full(), signal);
			const epoch = slot.epoch();
			const asked = performance.now();
			try {
				const token = await fullWrite(slot, signal, (engine, tag) => engine.leaseAcquire(key, holder, ttl, tag));
				return { token, asked };
			} catch (error) {
				if (signal?.aborted === true) throw signal.reason;
				const left = deadline - performance.now();
				if (!isStreamkitError(error, "LEASE_NOT_ACQUIRED") || left <= 0) throw error;
				place ??= new LeasePlace(slot, key);
				if (!place.isFirst) {
					await place.first(left, signal);
					continue;
				}
				const { expires } = error.details;
				const until = typeof expires === "number" ? expires + MARGIN_MS - slot.options.clock() + 1 : RETRY_MS;
				const pause = Math.max(1, Math.min(left, until, RETRY_MS));
				await slot.wait(`\0${key}`, epoch, pause, signal, slot.nextTag());
			}
		}
	} finally {
		place?.leave();
	}
}

class HeldLease {
	readonly #slot: EngineSlot;
	readonly #ttl: number;
	readonly #lost = new AbortController();
	readonly #lease: Lease;
	readonly #unlisten: () => void;
	#timer: ReturnType<typeof setTimeout> | undefined;
	#over = false;
	/** When it runs out unless it is renewed, on this process's steady clock. */
	#expires: number;
	#fail: (error: unknown) => void = () => {};

	constructor(slot: EngineSlot, key: string, holder: string, fencingToken: number, ttl: number, asked: number) {
		this.#slot = slot;
		this.#ttl = ttl;
		this.#lease = Object.freeze({ key, holder, fencingToken, signal: this.#lost.signal });
		this.#expires = asked + ttl;
		this.#unlisten = slot.onClose(() => this.#lose(closedError()));
		this.#schedule(asked + ttl / 3 - performance.now());
	}

	/**
	 * Gives run's result, or rejects as soon as the lease is lost or the signal fires. The lease is released when run
	 * has ended.
	 */
	run<T>(run: (lease: Lease) => MaybePromise<T>, signal: AbortSignal | undefined): Promise<T> {
		return new Promise<T>((resolve, reject) => {
			this.#fail = reject;
			const aborted = (): void => {
				// It stays held until run has ended, so that nobody else starts beside it, but is not prolonged any more.
				this.#stop();
				this.#lost.abort(signal?.reason);
				reject(signal?.reason);
			};
			const unheed = signal && onAbort(signal, aborted);
			const finish = async (): Promise<void> => {
				unheed?.();
				await this.release();
			};
			(async () => run(this.#lease))().then(
				(value) => finish().then(() => resolve(value), reject),
				(error: unknown) =>
					finish()
						.then(noop, noop)
						.then(() => reject(error)),
			);
		});
	}

	/** @throws LEASE_LOST when it was not held any more. */
	async release(): Promise<void> {
		this.#stop();
		const { key, holder, fencingToken } = this.#lease;
		try {
			await this.#slot.callFull("write", (engine) => engine.leaseRelease(key, holder, fencingToken));
		} catch (error) {
			// Anything else leaves it to run out by itself: that is no reason to fail what was done under it.
			if (isStreamkitError(error, "LEASE_LOST")) throw error;
		}
	}

	#stop(): void {
		this.#over = true;
		this.#unlisten();
		clearTimeout(this.#timer);
	}

	#schedule(ms: number): void {
		if (this.#over) return;
		this.#timer = setTimeout(() => void this.#renew(), Math.min(Math.max(ms, 1), 0x7fffffff));
	}

	async #renew(): Promise<void> {
		const { key, holder, fencingToken } = this.#lease;
		const asked = performance.now();
		// The engine may be slow to answer; the lease does not wait for it.
		this.#timer = setTimeout(() => this.#lose(undefined), Math.min(Math.max(this.#expires - asked, 1), 0x7fffffff));
		try {
			await this.#slot.callFull("write", (engine) => engine.leaseRenew(key, holder, fencingToken, this.#ttl));
			clearTimeout(this.#timer);
			this.#expires = asked + this.#ttl;
			this.#schedule(this.#ttl / 3);
		} catch (error) {
			clearTimeout(this.#timer);
			const left = this.#expires - performance.now();
			if (isOver(error) || left <= 0) this.#lose(error);
			else this.#schedule(Math.min(left, this.#ttl / 10));
		}
	}

	#lose(cause: unknown): void {
		if (this.#over) return;
		this.#stop();
		const error = isOver(cause)
			? cause
			: new StreamkitError("LEASE_LOST", `the lease "${this.#lease.key}" could not be renewed in time`, {
					cause,
					details: { key: this.#lease.key },
				});
		this.#lost.abort(error);
		this.#fail(error);
	}
}

/** Whether it says that the lease is over, or its store. */
function isOver(error: unknown): boolean {
	return isStreamkitError(error, "LEASE_LOST") || isStreamkitError(error, "CLOSED");
}

function noop(): void {}
