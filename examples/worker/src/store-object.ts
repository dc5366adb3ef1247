// One Durable Object per store: the one place where it is written.

import { openStore, type RecordInput, type Store } from "streamkit";
import { durableObjectHost } from "streamkit/cloudflare";
import { jsonOf } from "./body.js";
import { answerTo, failure, invalid, isRead, notFound, ORIGIN, type Route, readPath, routeOf } from "./http.js";
import { Publisher } from "./publisher.js";

export interface Env {
	readonly STORES: DurableObjectNamespace;
	readonly COPIES: KVNamespace;
	/** Milliseconds from a write to its publication. */
	readonly PUBLISH_EVERY: string;
}

interface Appending {
	records?: unknown;
	expectedSequence?: number;
	trx?: { id: string };
}

export class StoreObject {
	readonly #state: DurableObjectState;
	readonly #env: Env;
	/** Appends under way. */
	#appending = 0;
	#opening: Promise<Store> | undefined;
	#publisher: Publisher | undefined;

	constructor(state: DurableObjectState, env: Env) {
		this.#state = state;
		this.#env = env;
	}

	/** Opened by the first request, and open as long as the object is. */
	#store(): Promise<Store> {
		this.#opening ??= openStore(durableObjectHost(this.#state.storage)).catch((error: unknown) => {
			this.#opening = undefined;
			throw error;
		});
		return this.#opening;
	}

	async fetch(request: Request): Promise<Response> {
		try {
			return answerTo(request, await this.#answer(request, routeOf(request)));
		} catch (error) {
			return answerTo(request, failure(error));
		}
	}

	async #answer(request: Request, route: Route): Promise<Response> {
		const [what, ...more] = route.rest;
		if (request.method === "POST" && what === "spaces") return this.#append(request, route);
		if (request.method === "POST" && what === "publish" && more.length === 0)
			return Response.json(await this.#publish(route.store));
		if (!isRead(request)) throw notFound(`${request.method} is for other paths`);
		return readPath(await this.#store(), route);
	}

	async #append(request: Request, { store: name, rest }: Route): Promise<Response> {
		const [, space = "", segments, segment = "", ...more] = rest;
		if (segments !== "segments" || more.length > 0) throw notFound("entries are appended to a segment");
		const body = (await jsonOf(request)) as Appending | null;
		const { records, expectedSequence, trx } = body ?? {};
		if (!Array.isArray(records)) throw invalid("records", "must be an array of {payload, metadata?}");
		if (records.some((record: RecordInput | null) => record?.metadata?.[ORIGIN] !== undefined))
			throw invalid("metadata", `"${ORIGIN}" is set by the publisher`);
		const store = await this.#store();
		this.#appending++;
		try {
			// Before the write: should the object end after it, somebody will look.
			await this.#publishLater(name);
			const status = await store.produce(space, segment, records as RecordInput[], { expectedSequence, trx });
			return Response.json(status, { status: 201 });
		} finally {
			this.#appending--;
		}
	}

	async #publishLater(name: string): Promise<void> {
		const { storage } = this.#state;
		if ((await storage.getAlarm()) !== null) return;
		// An alarm does not know the object's name.
		await storage.put("name", name);
		await storage.setAlarm(Date.now() + Number(this.#env.PUBLISH_EVERY));
	}

	async #publish(name: string): ReturnType<Publisher["run"]> {
		this.#publisher ??= new Publisher(this.#state.storage, this.#env.COPIES, name);
		return this.#publisher.run(await this.#store());
	}

	/**
	 * One alarm after the other until all is published: the platform calls one that throws a few times more, then no
	 * more.
	 */
	async alarm(): Promise<void> {
		// An append that found this alarm set may commit after the look at its space. One that begins later sets another.
		const underWay = this.#appending > 0;
		const { storage } = this.#state;
		const name = await storage.get<string>("name");
		if (name === undefined) return;
		const every = Number(this.#env.PUBLISH_EVERY);
		let pause = underWay ? every : undefined;
		try {
			// The next alarm is another invocation, with operations of its own.
			if ((await this.#publish(name)).more) pause = 0;
		} catch (error) {
			console.error(error);
			pause = every;
		}
		if (pause !== undefined) await storage.setAlarm(Date.now() + pause);
	}
}
