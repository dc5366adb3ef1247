import { statSync } from "node:fs";

/** What tells a file from every other one of this machine, whatever it is called. */
export interface FileIdentity {
	readonly dev: bigint;
	readonly ino: bigint;
}

/** The identity of what stands at a path; undefined when there is nothing. */
export function identityAt(path: string): FileIdentity | undefined {
	return statSync(path, { throwIfNoEntry: false, bigint: true });
}

/** Whether this very file stands at a path. */
export function standsAt(path: string, file: FileIdentity | undefined): boolean {
	const there = identityAt(path);
	return there !== undefined && there.ino === file?.ino && there.dev === file.dev;
}
