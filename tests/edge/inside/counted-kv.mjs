/** What the platform takes of one invocation. */
const MOST_OPERATIONS = 1000;
/** Looks at whether a gate is open again: a promise that only another request settles counts as hung. */
const LOOK = 5;

/** Where calls wait while it is shut. */
export class Gate {
	shut = false;
	waiting = 0;

	async pass() {
		this.waiting++;
		while (this.shut) await new Promise((resolve) => setTimeout(resolve, LOOK));
		this.waiting--;
	}
}

/** A Workers KV that counts, as the platform does: local emulation takes more. */
export class CountedKv {
	operations = 0;
	gate = new Gate();
	/** "next": the name that is read next is refused from then on. */
	refused;
	#kv;

	constructor(kv) {
		this.#kv = kv;
	}

	async #call(name, args) {
		this.operations++;
		if (this.operations > MOST_OPERATIONS) throw new Error("Too many API requests by single worker invocation.");
		await this.gate.pass();
		return this.#kv[name](...args);
	}

	async get(...args) {
		if (this.refused === "next") this.refused = args[0];
		if (this.refused === args[0]) throw new Error("refused");
		return this.#call("get", args);
	}

	put(...args) {
		return this.#call("put", args);
	}

	delete(...args) {
		return this.#call("delete", args);
	}

	list(...args) {
		return this.#call("list", args);
	}
}
