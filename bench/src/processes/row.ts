// Measures one row: argv is its name and the settings as JSON.

import { Folders } from "../folders.js";
import { rowNamed } from "../rows/rows.js";
import { answer } from "./process.js";

export interface RowSettings {
	readonly events: number;
	readonly rounds: number;
	readonly folder: string;
}

await answer(async () => {
	const { events, rounds, folder } = JSON.parse(process.argv[3] ?? "") as RowSettings;
	return rowNamed(process.argv[2] ?? "").measure({ events, rounds, folders: new Folders(folder) });
});
