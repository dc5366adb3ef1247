import { unlessAborted } from "../common/abort.js";
import {
	checkInteger,
	checkName,
	checkSignal,
	optionalDuration,
	optionalInteger,
	optionsObject,
} from "../common/validate.js";
import type { Engine } from "../engine/abi.js";
import { invalid } from "../errors.js";
import type { Abortable } from "../types.js";
import { fullWrite } from "../writing/full-write.js";
import type { StreamContext } from "./context.js";
import { readDeliveries, readGroup, readPending } from "./group-frames.js";
import { checkGroupOptions, checkIds, checkMilliseconds } from "./group-options.js";
import { FIRST, parseId } from "./ids.js";
import { endNow } from "./starts-now.js";
import type { Delivery, Group, GroupInfo, GroupOptions, Pending } from "./types.js";

const DEFAULT_LIMIT = 10;
const MOST_LIMIT = 1000;

/** How records are settled, as the engine counts the ways. */
const ACK = 0;
const NACK = 1;
const TOUCH = 2;

/** A consumer group of a stream. */
export function openGroup(context: StreamContext, stream: string, group: string): Group {
	return new StreamGroup(context, stream, group);
}

class StreamGroup implements Group {
	readonly #context: StreamContext;
	readonly #stream: string;
	readonly #group: string;

	constructor(context: StreamContext, stream: string, group: string) {
		this.#context = context;
		this.#stream = stream;
		this.#group = group;
	}

	async create(input?: GroupOptions & Abortable): Promise<GroupInfo> {
		const options = optionsObject(input);
		const { mode, ackTimeout, maxDeliver, consumerTimeout, maxStandbys, slots, deadLetterStream, ...rest } =
			checkGroupOptions(options);
		const signal = checkSignal(options.signal);
		let { start } = rest;
		// Where the full engine is there, it starts the group at the end by itself.
		const { slot, end = slot.isFull || start.ms >= 0 ? undefined : endNow(slot, this.#stream) } = this.#context;
		if (end !== undefined) {
			const { ms, n } = await unlessAborted(end, signal);
			start = { ms, n: n + 1 };
		}
		const bytes = await this.#write(signal, (engine, tag) =>
			engine.groupCreate(
				this.#stream,
				this.#group,
				mode,
				start.ms,
				start.n,
				ackTimeout,
				maxDeliver,
				consumerTimeout,
				maxStandbys,
				slots,
				deadLetterStream,
				tag,
			),
		);
		return readGroup(bytes);
	}

	async delete(options?: Abortable): Promise<void> {
		const signal = checkSignal(optionsObject(options).signal);
		await this.#write(signal, (engine, tag) => engine.groupDelete(this.#stream, this.#group, tag));
	}

	async join(consumer: string, options?: Abortable): Promise<void> {
		checkName("consumer", consumer);
		const signal = checkSignal(optionsObject(options).signal);
		await this.#write(signal, (engine, tag) => engine.groupJoin(this.#stream, this.#group, consumer, tag));
	}

	async leave(consumer: string, options?: Abortable): Promise<void> {
		checkName("consumer", consumer);
		const signal = checkSignal(optionsObject(options).signal);
		await this.#write(signal, (engine, tag) => engine.groupLeave(this.#stream, this.#group, consumer, tag));
	}

	async read(
		consumer: string,
		input?: Abortable & { limit?: number | undefined; block?: number | undefined; noAck?: boolean | undefined },
	): Promise<Delivery[]> {
		checkName("consumer", consumer);
		const options = optionsObject(input);
		const { limit = DEFAULT_LIMIT, noAck = false } = options;
		checkInteger("limit", limit, 1, MOST_LIMIT);
		if (typeof noAck !== "boolean") throw invalid("noAck", "must be true or false");
		const block = optionalDuration("block", options.block, undefined);
		const signal = checkSignal(options.signal);
		const end = block === undefined || block === 0 ? Number.POSITIVE_INFINITY : performance.now() + block;
		const { slot } = this.#context;
		for (let first = true; ; first = false) {
			while (!slot.isFull || slot.closed) await unlessAborted(slot.full(), signal);
			// Before the read: what changes between the two ends the wait at once.
			const epoch = slot.epoch();
			const bytes = await this.#write(signal, (engine, tag) =>
				engine.groupRead(this.#stream, this.#group, consumer, limit, noAck, first, tag),
			);
			const { next, deliveries } = readDeliveries(bytes, this.#stream);
			if (deliveries.length > 0 || block === undefined) return deliveries;
			const left = end - performance.now();
			if (left <= 0) return [];
			const timeout = Math.min(left, next < 0 ? Number.POSITIVE_INFINITY : next);
			const tag = slot.nextTag();
			const milliseconds = timeout === Number.POSITIVE_INFINITY ? -1 : timeout;
			await slot.wait(this.#stream, epoch, milliseconds, signal, tag);
		}
	}

	async ack(consumer: string, ids: readonly string[], options?: Abortable): Promise<number> {
		return this.#settle(consumer, ids, ACK, 0, optionsObject(options));
	}

	async nack(
		consumer: string,
		ids: readonly string[],
		input?: Abortable & { delay?: number | undefined },
	): Promise<number> {
		const options = optionsObject(input);
		const { delay = 0 } = options;
		checkMilliseconds("delay", delay);
		return this.#settle(consumer, ids, NACK, delay, options);
	}

	async touch(consumer: string, ids: readonly string[], options: Abortable & { extend: number }): Promise<number> {
		if (typeof options !== "object" || options === null) throw invalid("options", "must be an object {extend}");
		const { extend } = options;
		checkMilliseconds("extend", extend);
		return this.#settle(consumer, ids, TOUCH, extend, options);
	}

	async pending(
		input?: Abortable & { consumer?: string | undefined; limit?: number | undefined; after?: string | undefined },
	): Promise<Pending[]> {
		const options = optionsObject(input);
		const { consumer } = options;
		if (consumer !== undefined) checkName("consumer", consumer);
		const limit = optionalInteger("limit", options.limit, 1, MOST_LIMIT, MOST_LIMIT);
		const after = options.after === undefined ? FIRST : parseId("after", options.after);
		const signal = checkSignal(options.signal);
		const bytes = await this.#context.slot.callFull(
			"read",
			(engine) => engine.groupPending(this.#stream, this.#group, consumer, limit, after.ms, after.n),
			signal,
		);
		return readPending(bytes);
	}

	async replay(input?: Abortable & { limit?: number | undefined }): Promise<number> {
		const options = optionsObject(input);
		const limit = optionalInteger("limit", options.limit, 1, 0);
		const signal = checkSignal(options.signal);
		return this.#write(signal, (engine, tag) => engine.groupReplay(this.#stream, this.#group, limit, tag));
	}

	async info(options?: Abortable): Promise<GroupInfo> {
		const signal = checkSignal(optionsObject(options).signal);
		const read = (engine: Engine) => engine.groupInfo(this.#stream, this.#group);
		return readGroup(await this.#context.slot.callFull("read", read, signal));
	}

	async #settle(
		consumer: string,
		ids: readonly string[],
		kind: number,
		milliseconds: number,
		options: Abortable,
	): Promise<number> {
		checkName("consumer", consumer);
		const numbers = checkIds(ids);
		const signal = checkSignal(options.signal);
		return this.#write(signal, (engine, tag) =>
			engine.groupSettle(this.#stream, this.#group, consumer, numbers, kind, milliseconds, tag),
		);
	}

	/** A call that a signal takes back until it is handed to the host. */
	async #write<T>(signal: AbortSignal | undefined, start: (engine: Engine, tag: number) => Promise<T>): Promise<T> {
		const { slot, sweeper } = this.#context;
		if (signal?.aborted === true) throw signal.reason;
		sweeper.used();
		return fullWrite(slot, signal, start);
	}
}
