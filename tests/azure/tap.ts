import type { TableClient } from "@azure/data-tables";

type Pipeline = TableClient["pipeline"];
type Policy = Parameters<Pipeline["addPolicy"]>[0];
export type Request = Parameters<Policy["sendRequest"]>[0];
export type Response = Awaited<ReturnType<Policy["sendRequest"]>>;

/** What becomes of a request: sent; not sent, with that answer; sent, with the answer lost; not sent, connection lost. */
export type Fate = "pass" | { status: number; code?: string; retryAfter?: string } | "answer lost" | "never sent";

/** Sees every request that a client puts on the wire, and decides about it. */
export interface Tap {
	/** All so far. */
	readonly requests: Request[];
	/** Given the number of the request, from 1. */
	fate: (number: number, request: Request) => Fate | Promise<Fate>;
}

function lost(): Error {
	return Object.assign(new Error("socket hang up"), { name: "RestError", code: "ECONNRESET" });
}

class Headers {
	readonly #all: ReadonlyMap<string, string>;

	constructor(all: Record<string, string>) {
		this.#all = new Map(Object.entries(all));
	}

	get(name: string): string | undefined {
		return this.#all.get(name.toLowerCase());
	}
}

function answer(request: Request, status: number, code: string | undefined, retryAfter: string | undefined): Response {
	const headers = new Headers({
		"content-type": "application/json",
		...(code === undefined ? {} : { "x-ms-error-code": code }),
		...(retryAfter === undefined ? {} : { "retry-after": retryAfter }),
	});
	const bodyAsText = JSON.stringify({ "odata.error": { code, message: { lang: "en-US", value: "made up" } } });
	return { request, status, headers: headers as unknown as Response["headers"], bodyAsText };
}

/** Puts a tap on a client's requests, next to the wire. */
export function tap(client: TableClient): Tap {
	const self: Tap = { requests: [], fate: () => "pass" };
	client.pipeline.addPolicy(
		{
			name: "tap",
			async sendRequest(request, next) {
				const number = self.requests.push(request);
				const fate = await self.fate(number, request);
				if (fate === "pass") return next(request);
				if (fate === "never sent") throw lost();
				if (fate === "answer lost") {
					await next(request);
					throw lost();
				}
				return answer(request, fate.status, fate.code, fate.retryAfter);
			},
		},
		// After all that a host adds behind the retries, whichever was added first.
		{ phase: "Sign" },
	);
	return self;
}
