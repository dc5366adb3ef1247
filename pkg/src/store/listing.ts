import type { Bytes } from "../common/bytes.js";
import { checkName, checkSignal, optionalInteger, optionalText, optionsObject } from "../common/validate.js";
import { Yielder } from "../common/yielder.js";
import type { Engine } from "../engine/abi.js";
import type { EngineSlot } from "../engine/slot.js";
import { readNames } from "../framing/answers.js";
import { broken } from "../framing/reader.js";
import type { ListOptions } from "../types.js";

const PAGE_NAMES = 1000;

type NamesCall = (
	engine: Engine,
	after: string | undefined,
	prefix: string | undefined,
	limit: number,
) => Promise<Bytes>;

function list(slot: EngineSlot, input: ListOptions | undefined, read: NamesCall): AsyncIterable<string> {
	return {
		async *[Symbol.asyncIterator]() {
			const options = optionsObject(input);
			const prefix = optionalText("prefix", options.prefix);
			let after = optionalText("after", options.after);
			const limit = optionalInteger("limit", options.limit, 0, 0);
			const signal = checkSignal(options.signal);
			let left = limit === 0 ? Number.POSITIVE_INFINITY : limit;
			const yielder = new Yielder();
			while (left > 0) {
				if (yielder.due(slot.hostWaits)) await yielder.next();
				const { names, more } = readNames(
					await slot.call("read", (engine) => read(engine, after, prefix, Math.min(left, PAGE_NAMES)), signal),
				);
				for (const name of names) {
					yield name;
					if (signal?.aborted === true) throw signal.reason;
				}
				left -= names.length;
				if (!more) return;
				if (names.length === 0) throw broken("a page of names does not move on");
				after = names.at(-1);
			}
		},
	};
}

/** The names of the spaces. */
export function getSpaces(slot: EngineSlot, options: ListOptions | undefined): AsyncIterable<string> {
	return list(slot, options, (engine, after, prefix, limit) => engine.spaces(after, prefix, limit));
}

/** The names of a space's segments. */
export function getSegments(slot: EngineSlot, space: string, options: ListOptions | undefined): AsyncIterable<string> {
	return list(slot, options, (engine, after, prefix, limit) => {
		checkName("space", space);
		return engine.segments(space, after, prefix, limit);
	});
}
