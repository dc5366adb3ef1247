// The Worker that the tests run inside: /<class>/<object>/<what>/... goes to that object.

import { conformance } from "./inside/conformance.js";
import type { Env, State } from "./inside/platform.js";
import { scenarios } from "./inside/scenarios.js";

class TestObject {
	readonly #state: State;
	readonly #env: Env;

	constructor(state: State, env: Env) {
		this.#state = state;
		this.#env = env;
	}

	async fetch(request: Request): Promise<Response> {
		const [what = "", name = "", which = ""] = new URL(request.url).pathname.split("/").slice(1);
		try {
			const input: unknown = await request.json();
			if (what === "conformance") return Response.json(await conformance(this.#state, this.#env, name, which));
			const scenario = scenarios[name];
			if (scenario === undefined) throw new Error(`there is no scenario "${name}"`);
			return Response.json((await scenario(this.#state, this.#env, input)) ?? null);
		} catch (error) {
			return new Response(error instanceof Error ? (error.stack ?? error.message) : String(error), { status: 500 });
		}
	}
}

export class SqlObject extends TestObject {}
export class PlainObject extends TestObject {}

export default {
	async fetch(request: Request, env: Env): Promise<Response> {
		const [kind, object = "", ...rest] = new URL(request.url).pathname.split("/").slice(1);
		const namespace = kind === "sql" ? env.SQL : env.PLAIN;
		const stub = namespace.get(namespace.idFromName(object));
		return stub.fetch(`http://object/${rest.join("/")}`, { method: "POST", body: await request.text() });
	},
};
