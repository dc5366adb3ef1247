import { describe, StreamkitError } from "../../errors.js";
import { claim, type Entity, type EntityPage, type TableClient } from "./client.js";
import { type Failure, failureOf, isMissing } from "./failures.js";

/** How long one request may take, in milliseconds. */
const ATTEMPT = 10_000;
/** How long one call of the host may take, with all its tries: less than the engine gives it. */
const DEADLINE = 25_000;
const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 3_000;

/** One call of the host: its deadline, and its tries. */
export class Session {
	readonly client: TableClient;
	readonly #timer: ReturnType<typeof setTimeout>;
	#expired = false;
	/** How to end what is waited for at present. */
	readonly #waiting = new Set<() => void>();

	constructor(client: TableClient) {
		this.client = client;
		this.#timer = setTimeout(() => {
			this.#expired = true;
			for (const end of [...this.#waiting]) end();
		}, DEADLINE);
	}

	/** Runs a call of the host in a session of its own. */
	static async run<T>(client: TableClient, call: (session: Session) => Promise<T>): Promise<T> {
		const session = new Session(client);
		try {
			return await call(session);
		} finally {
			clearTimeout(session.#timer);
			// Whoever is still at it works for nobody.
			session.#expired = true;
			for (const end of [...session.#waiting]) end();
		}
	}

	get expired(): boolean {
		return this.#expired;
	}

	/** One request, ended by its own time limit or the session's. */
	once<T>(send: (abortSignal: AbortSignal) => Promise<T>): Promise<T> {
		const controller = new AbortController();
		claim(controller.signal);
		return new Promise((resolve, reject) => {
			const end = (): void => {
				this.#waiting.delete(end);
				clearTimeout(timer);
				// The client may not heed its signal.
				reject(new Error("no answer in time"));
				controller.abort();
			};
			const timer = setTimeout(end, ATTEMPT);
			if (this.#expired) {
				end();
				return;
			}
			this.#waiting.add(end);
			(async () => send(controller.signal))()
				.then(resolve, reject)
				.finally(() => {
					this.#waiting.delete(end);
					clearTimeout(timer);
				});
		});
	}

	failure(error: unknown): Failure {
		return failureOf(error, this.client.tableName);
	}

	/** Waits before the next try; the deadline ends it. */
	async pause(tries: number, atLeast = 0): Promise<void> {
		if (this.#expired) return;
		const most = Math.min(FIRST_PAUSE * 2 ** tries, LONGEST_PAUSE);
		const delay = Math.max(atLeast, most * (0.5 + Math.random() / 2));
		await new Promise<void>((resolve) => {
			const end = (): void => {
				this.#waiting.delete(end);
				clearTimeout(timer);
				resolve();
			};
			const timer = setTimeout(end, delay);
			this.#waiting.add(end);
		});
	}

	/** A request that changes nothing, or the same however often it is carried out. */
	async repeat<T>(send: (abortSignal: AbortSignal) => Promise<T>): Promise<T> {
		for (let tries = 0; ; tries++) {
			let cause: unknown;
			let atLeast = 0;
			try {
				return await this.once(send);
			} catch (error) {
				const failure = this.failure(error);
				if (failure.kind === "refused") throw failure.error;
				if (failure.kind === "conflict") throw error;
				cause = failure.cause;
				if (failure.kind === "busy") atLeast = failure.retryAfter ?? 0;
			}
			if (!this.#expired) await this.pause(tries, atLeast);
			if (this.#expired) throw unanswered(cause);
		}
	}

	/** An entity; undefined when there is none. */
	async entity(partitionKey: string, rowKey: string): Promise<Entity | undefined> {
		try {
			return await this.repeat((abortSignal) => this.client.getEntity(partitionKey, rowKey, { abortSignal }));
		} catch (error) {
			if (isMissing(error)) return undefined;
			throw error;
		}
	}

	/** A page of a query. Any page but the last may be short, or empty. */
	async page(
		filter: string,
		select: string[] | undefined,
		maxPageSize: number,
		continuationToken: string | undefined,
	): Promise<EntityPage> {
		const queryOptions = select === undefined ? { filter } : { filter, select };
		const settings = continuationToken === undefined ? { maxPageSize } : { maxPageSize, continuationToken };
		const { done, value } = await this.repeat((abortSignal) =>
			this.client.listEntities({ queryOptions, abortSignal }).byPage(settings).next(),
		);
		return done === true ? [] : value;
	}
}

/** A call that came to its deadline, with nothing done. */
export function unanswered(cause: unknown): StreamkitError {
	return new StreamkitError("UNAVAILABLE", `host "azure-table": no answer in ${DEADLINE} ms: ${describe(cause)}`, {
		cause,
		details: { applied: false },
	});
}

/** A commit that may have been applied. */
export function unknown(cause: unknown): StreamkitError {
	return new StreamkitError(
		"UNAVAILABLE",
		`host "azure-table": the answer to a commit was lost, and what it wrote cannot be told from what others wrote: ${describe(cause)}`,
		{ cause, details: { applied: "unknown" } },
	);
}
