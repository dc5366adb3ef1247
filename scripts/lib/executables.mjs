import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Whether a path names a file that can be run. */
export function isExecutable(path) {
	try {
		accessSync(path, constants.X_OK);
		return true;
	} catch {
		return false;
	}
}

/** Where the first of these commands is that is in PATH. */
export function inPath(...names) {
	const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
	return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
}
