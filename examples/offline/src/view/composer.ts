import type { Store } from "streamkit";
import { explain } from "../explain.js";
import { addNote, type Draft } from "../log.js";
import { byId } from "./dom.js";

/** The form for a new note. */
export class Composer {
	readonly #store: Store;
	readonly #form = byId("composer", HTMLFormElement);
	readonly #text = byId("text", HTMLTextAreaElement);
	readonly #place = byId("place", HTMLInputElement);
	readonly #when = byId("when", HTMLInputElement);
	readonly #earlier = byId("earlier", HTMLDetailsElement);
	readonly #problem = byId("composer-problem", HTMLElement);
	#saving = false;
	/** What was last tried and is not known to be stored. */
	#draft: Draft | undefined;
	/** What this tab stored. */
	readonly own = new Set<string>();

	constructor(store: Store) {
		this.#store = store;
		byId("save", HTMLButtonElement).disabled = false;
		this.#form.addEventListener("submit", (event) => {
			event.preventDefault();
			void this.#save();
		});
		// What is folded away does not count.
		this.#earlier.addEventListener("toggle", () => {
			if (this.#earlier.open) this.#when.focus();
			else this.#when.value = "";
		});
		this.#text.addEventListener("keydown", (event) => {
			if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
			event.preventDefault();
			this.#form.requestSubmit();
		});
	}

	/** Whether there is text that a reload would lose. */
	get dirty(): boolean {
		return this.#text.value.trim() !== "";
	}

	/** Puts in the place that is looked at, unless something else was put in. */
	suggest(place: string): void {
		if (this.#place.value === "" || !this.dirty) this.#place.value = place;
	}

	async #save(): Promise<void> {
		if (this.#saving) return;
		const draft = this.#read();
		if (draft === undefined) return;
		this.#saving = true;
		this.#form.setAttribute("aria-busy", "true");
		this.#draft = draft;
		this.own.add(draft.trx);
		try {
			await addNote(this.#store, draft);
			this.#draft = undefined;
			// What was written meanwhile stays.
			if (this.#text.value.trim() === draft.text) this.#text.value = "";
			this.#when.value = "";
			this.#earlier.open = false;
			this.#text.focus();
		} catch (error) {
			const { text, detail } = explain(error);
			this.#refuse(this.#text, detail === undefined ? text : `${text} (${detail})`);
		} finally {
			this.#saving = false;
			this.#form.removeAttribute("aria-busy");
		}
	}

	/** What the form says, if it says something that can be stored. */
	#read(): Draft | undefined {
		this.#accept();
		const text = this.#text.value.trim();
		const place = this.#place.value.trim();
		if (text === "") return this.#refuse(this.#text, "Write a note first.");
		if (place === "") return this.#refuse(this.#place, "Say where: a note belongs to a place.");
		if (new TextEncoder().encode(place).length > 128) {
			return this.#refuse(this.#place, "This name is too long: a place has at most 128 bytes, about as many letters.");
		}
		const seen = this.#when.value === "" ? undefined : new Date(this.#when.value).getTime();
		const last = this.#draft;
		const same = last?.text === text && last.place === place && last.seen === seen;
		return same ? last : { text, place, seen, written: Date.now(), trx: crypto.randomUUID() };
	}

	#refuse(field: HTMLElement, text: string): undefined {
		field.setAttribute("aria-invalid", "true");
		field.setAttribute("aria-errormessage", this.#problem.id);
		this.#problem.textContent = text;
		this.#problem.hidden = false;
		field.focus();
		return undefined;
	}

	#accept(): void {
		this.#problem.hidden = true;
		for (const field of [this.#text, this.#place]) {
			field.removeAttribute("aria-invalid");
			field.removeAttribute("aria-errormessage");
		}
	}
}
