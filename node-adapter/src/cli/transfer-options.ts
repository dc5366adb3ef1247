import { Option } from "commander";
import { names } from "./values.js";

// What export and import have in common.

export type Format = "streamkit" | "ndjson";

export const FORMATS: readonly Format[] = ["streamkit", "ndjson"];

export function spacesOption(): Option {
	return new Option("--spaces <names>", "only these, separated by commas; can be repeated").argParser(
		names("--spaces"),
	);
}
