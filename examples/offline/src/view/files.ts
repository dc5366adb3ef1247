import type { Store } from "streamkit";
import { count } from "../format.js";
import { exportLog, importLog } from "../transfer.js";
import { byId, element } from "./dom.js";
import { notifyError, withdraw } from "./notices.js";

/** Export to a file and import from one. */
export class Files {
	readonly #store: Store;
	readonly #export = byId("export", HTMLButtonElement);
	readonly #import = byId("import", HTMLButtonElement);
	readonly #input = byId("import-file", HTMLInputElement);
	readonly #outcome = byId("file-outcome", HTMLElement);

	constructor(store: Store) {
		this.#store = store;
		this.#export.addEventListener("click", () => {
			void this.#run("The log was not exported", "Exporting\u2026", () => this.#save());
		});
		this.#import.addEventListener("click", () => this.#input.click());
		this.#input.addEventListener("change", () => {
			const file = this.#input.files?.[0];
			if (file === undefined) return;
			void this.#run("The file was not imported", "Importing\u2026", () => this.#take(file));
		});
		this.#enable(true);
	}

	#enable(enabled: boolean): void {
		this.#export.disabled = !enabled;
		this.#import.disabled = !enabled;
	}

	async #run(title: string, meanwhile: string, work: () => Promise<string>): Promise<void> {
		const focused = document.activeElement;
		this.#enable(false);
		withdraw("file");
		this.#outcome.textContent = meanwhile;
		try {
			this.#outcome.textContent = await work();
		} catch (error) {
			this.#outcome.textContent = "";
			notifyError("file", title, error);
			byId("notices", HTMLElement).scrollIntoView({ block: "nearest" });
		}
		this.#enable(true);
		// A disabled button loses the focus.
		if (focused instanceof HTMLButtonElement && document.activeElement === document.body) focused.focus();
	}

	async #save(): Promise<string> {
		const file = await exportLog(this.#store);
		const url = URL.createObjectURL(file);
		element("a", { href: url, download: file.name }).click();
		// The browser has to come round to reading it.
		setTimeout(() => URL.revokeObjectURL(url), 60_000);
		return `Exported to ${file.name}.`;
	}

	async #take(file: File): Promise<string> {
		try {
			return `Imported ${count(await importLog(this.#store, file), "note", "notes")}.`;
		} finally {
			// The same file can be chosen again.
			this.#input.value = "";
		}
	}
}
