import type { Command } from "commander";
import type { StreamOptions } from "streamkit";
import { duration, integer } from "../values.js";

type Retention = NonNullable<StreamOptions["retention"]>;

const HOUR = 3_600_000;

/** Bounds as given; 0: none. */
export interface RetentionChoice {
	/** Milliseconds. */
	readonly retention?: number;
	readonly retentionCount?: number;
	readonly retentionBytes?: number;
}

export function retentionOptions(command: Command): Command {
	return command
		.option(
			"-r, --retention <hours>",
			"keep records for so many hours; 0: for ever. Older ones are removed by a program that has the store open, " +
				"or else by the next append, and can be read until then",
			duration("--retention", HOUR),
		)
		.option("--retention-count <count>", "keep the newest so many records; 0: any number", integer("--retention-count"))
		.option(
			"--retention-bytes <bytes>",
			"keep the newest records that fit so many bytes; 0: any number",
			integer("--retention-bytes"),
		);
}

/** The bounds that were there, with those that were given in their place; undefined when none is left. */
export function retentionOf(given: RetentionChoice, before: Retention = {}): Retention | undefined {
	const bound = (value: number | undefined, old: number | undefined): number | undefined => {
		if (value === undefined) return old;
		return value === 0 ? undefined : value;
	};
	const after = {
		maxAge: bound(given.retention, before.maxAge),
		maxCount: bound(given.retentionCount, before.maxCount),
		maxBytes: bound(given.retentionBytes, before.maxBytes),
	};
	return Object.values(after).some((value) => value !== undefined) ? after : undefined;
}
