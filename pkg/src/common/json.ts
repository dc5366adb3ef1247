import { describe, invalid } from "../errors.js";

/**
 * A payload of JSON text.
 * @throws INVALID_ARGUMENT for what JSON cannot hold: undefined, functions, symbols, bigints, cycles.
 */
export function json(value: unknown): string {
	let text: string | undefined;
	try {
		text = JSON.stringify(value);
	} catch (error) {
		throw invalid("value", `cannot be written as JSON: ${describe(error)}`, error);
	}
	if (text === undefined) throw invalid("value", `${typeof value} cannot be written as JSON`);
	return text;
}
