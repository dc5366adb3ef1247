import type { Group } from "./types.js";

/** Makes a call of the group, with the options of the call. */
export type CallGroup = <T>(options: unknown, call: (group: Group) => Promise<T>) => Promise<T>;

/** A group whose code is loaded with the first call of it. */
export class LateGroup implements Group {
	readonly #call: CallGroup;

	constructor(call: CallGroup) {
		this.#call = call;
	}

	create(...args: Parameters<Group["create"]>): ReturnType<Group["create"]> {
		return this.#call(args[0], (group) => group.create(...args));
	}

	delete(...args: Parameters<Group["delete"]>): ReturnType<Group["delete"]> {
		return this.#call(args[0], (group) => group.delete(...args));
	}

	join(...args: Parameters<Group["join"]>): ReturnType<Group["join"]> {
		return this.#call(args[1], (group) => group.join(...args));
	}

	leave(...args: Parameters<Group["leave"]>): ReturnType<Group["leave"]> {
		return this.#call(args[1], (group) => group.leave(...args));
	}

	read(...args: Parameters<Group["read"]>): ReturnType<Group["read"]> {
		return this.#call(args[1], (group) => group.read(...args));
	}

	ack(...args: Parameters<Group["ack"]>): ReturnType<Group["ack"]> {
		return this.#call(args[2], (group) => group.ack(...args));
	}

	nack(...args: Parameters<Group["nack"]>): ReturnType<Group["nack"]> {
		return this.#call(args[2], (group) => group.nack(...args));
	}

	touch(...args: Parameters<Group["touch"]>): ReturnType<Group["touch"]> {
		return this.#call(args[2], (group) => group.touch(...args));
	}

	pending(...args: Parameters<Group["pending"]>): ReturnType<Group["pending"]> {
		return this.#call(args[0], (group) => group.pending(...args));
	}

	replay(...args: Parameters<Group["replay"]>): ReturnType<Group["replay"]> {
		return this.#call(args[0], (group) => group.replay(...args));
	}

	info(...args: Parameters<Group["info"]>): ReturnType<Group["info"]> {
		return this.#call(args[0], (group) => group.info(...args));
	}
}
