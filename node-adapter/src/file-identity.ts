import { statSync } from "node:fs";

/** Tells a file from every other one of this machine, whatever it is called. */
export function identityOf({ dev, ino }: { readonly dev: bigint; readonly ino: bigint }): string {
	return `${dev}:${ino}`;
}

/** The identity of what stands at a path; undefined when there is nothing. */
export function identityAt(path: string): string | undefined {
	const stats = statSync(path, { throwIfNoEntry: false, bigint: true });
	return stats === undefined ? undefined : identityOf(stats);
}
