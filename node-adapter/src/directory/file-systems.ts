import { statfsSync } from "node:fs";

// Numbers that Linux gives to kinds of file systems (statfs(2)): NFS, SMB, CIFS, SMB2, 9P; tmpfs and ramfs.
const NETWORK_FILE_SYSTEMS: ReadonlySet<number> = new Set([0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x01021997]);
const MEMORY_FILE_SYSTEMS: ReadonlySet<number> = new Set([0x01021994, 0x858458f6]);

/** What is to be said of a directory because of where it lies. */
export function fileSystemWarnings(directory: string): string[] {
	const warnings: string[] = [];
	const { type } = statfsSync(directory);
	if (NETWORK_FILE_SYSTEMS.has(type)) {
		warnings.push(
			"The directory is on a network file system, where locks and memory maps between machines do not hold.",
		);
	}
	if (MEMORY_FILE_SYSTEMS.has(type)) {
		warnings.push("The directory is on a file system in memory: nothing survives a restart of the machine.");
	}
	return warnings;
}
