// The writer of the example, on a Workers KV that counts, where a test can get in between:
//   POST /stores/<store>/test   sets what the body names, and answers how things stand

import { StoreObject as Example } from "../../examples/worker/src/store-object.ts";
import { CountedKv, Gate } from "./inside/counted-kv.mjs";

export { default } from "../../examples/worker/src/writer.ts";

/** A storage whose answers about the alarm, which an append waits for before it writes, wait at a gate. */
function withGate(storage, gate) {
	const getAlarm = async () => {
		const alarm = await storage.getAlarm();
		await gate.pass();
		return alarm;
	};
	return new Proxy(storage, {
		get(_, name) {
			if (name === "getAlarm") return getAlarm;
			const found = storage[name];
			return typeof found === "function" ? found.bind(storage) : found;
		},
	});
}

export class StoreObject extends Example {
	#storage;
	#kv;
	#appends;
	#alarms = 0;

	constructor(state, env) {
		const kv = new CountedKv(env.COPIES);
		const appends = new Gate();
		super({ storage: withGate(state.storage, appends) }, { ...env, COPIES: kv });
		this.#storage = state.storage;
		this.#kv = kv;
		this.#appends = appends;
	}

	async fetch(request) {
		if (new URL(request.url).pathname.endsWith("/test")) return this.#test(await request.json());
		this.#kv.operations = 0;
		const { status, body } = await super.fetch(request);
		return new Response(body, { status, headers: { operations: this.#kv.operations } });
	}

	async alarm() {
		this.#alarms++;
		this.#kv.operations = 0;
		await super.alarm();
	}

	async #test({ copies, appends, refused, alarm }) {
		if (copies !== undefined) this.#kv.gate.shut = copies === "shut";
		if (appends !== undefined) this.#appends.shut = appends === "shut";
		if (refused !== undefined) this.#kv.refused = refused;
		if (alarm === "now") await this.#storage.setAlarm(Date.now());
		return Response.json({
			alarms: this.#alarms,
			alarmIsSet: (await this.#storage.getAlarm()) !== null,
			copiesWaiting: this.#kv.gate.waiting,
			appendsWaiting: this.#appends.waiting,
		});
	}
}
