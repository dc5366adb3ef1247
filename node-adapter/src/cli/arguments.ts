import { isUtf8 } from "node:buffer";
import { readFileSync } from "node:fs";
import { usage } from "./usage.js";

// What stands in a text for bytes that are not UTF-8; it may as well have been typed.
const REPLACEMENT = "\ufffd";

/** @throws INVALID_ARGUMENT for an argument that is not UTF-8: what Node gives of it is another text. */
export function checkArguments(args: readonly string[]): void {
	if (!args.some((arg) => arg.includes(REPLACEMENT))) return;
	const typed = typedArguments().slice(-args.length);
	const at = typed.findIndex((bytes) => !isUtf8(bytes));
	if (at < 0) return;
	const rule = `argument ${at + 1}, "${args[at]}", is not UTF-8: give it on standard input`;
	throw usage("command line", rule, { reason: "encoding", number: at + 1 });
}

/** The bytes of the command line; none where the system does not tell them, as only Linux does. */
function typedArguments(): Buffer[] {
	let bytes: Buffer;
	try {
		bytes = readFileSync("/proc/self/cmdline");
	} catch {
		return [];
	}
	const parts: Buffer[] = [];
	for (let from = 0; from < bytes.length; ) {
		const end = bytes.indexOf(0, from);
		parts.push(bytes.subarray(from, end < 0 ? bytes.length : end));
		from = end < 0 ? bytes.length : end + 1;
	}
	return parts;
}
