import { count, dayOf, formatDateTime, formatDay, formatExactly, formatTime } from "../format.js";
import type { Note } from "../note.js";
import { byId, element, hueOf, timeElement } from "./dom.js";

const STEP = 100;

/** The notes, newest first, in days. */
export class Timeline {
	readonly #days = byId("days", HTMLElement);
	readonly #empty = byId("empty", HTMLElement);
	readonly #older = byId("older", HTMLButtonElement);
	readonly #title = byId("timeline-title", HTMLElement);
	readonly #count = byId("timeline-count", HTMLElement);
	/** All notes, in the order in which they were stored. */
	readonly #notes: Note[] = [];
	#place: string | undefined;
	#shown = STEP;
	#ready = false;
	#today = dayOf(Date.now());

	constructor() {
		this.#older.addEventListener("click", () => {
			this.#shown += STEP;
			this.#render();
			// The button may be gone.
			if (this.#older.hidden) this.#title.focus();
		});
		// "Today" is another day tomorrow.
		document.addEventListener("visibilitychange", () => {
			if (dayOf(Date.now()) !== this.#today && this.#ready) this.#render();
		});
	}

	/** Everything that was there is known: from now on there is something to show. */
	ready(): void {
		this.#ready = true;
		byId("opening", HTMLElement).hidden = true;
		this.#render();
	}

	add(notes: readonly Note[]): void {
		for (const note of notes) this.#notes.push(note);
		if (!this.#ready) return;
		const here = notes.filter((note) => this.#matches(note));
		if (here.length > 20 || dayOf(Date.now()) !== this.#today) {
			this.#render();
		} else {
			for (const note of here) this.#prepend(note);
			this.#summarise();
		}
	}

	/** Shows one place, or all. */
	show(place: string | undefined): void {
		this.#place = place;
		this.#shown = STEP;
		this.#title.textContent = place ?? "All places";
		if (this.#ready) this.#render();
	}

	#matches(note: Note): boolean {
		return this.#place === undefined || note.place === this.#place;
	}

	#render(): void {
		this.#today = dayOf(Date.now());
		this.#days.replaceChildren();
		const matching = this.#notes.filter((note) => this.#matches(note));
		for (const note of matching.slice(-this.#shown)) this.#prepend(note, false);
		this.#older.hidden = matching.length <= this.#shown;
		this.#summarise();
	}

	#summarise(): void {
		const total = this.#notes.reduce((sum, note) => sum + (this.#matches(note) ? 1 : 0), 0);
		this.#count.textContent = total === 0 ? "" : count(total, "note", "notes");
		this.#empty.hidden = total > 0;
		if (total === 0) this.#empty.replaceChildren(...emptyState(this.#place));
	}

	#prepend(note: Note, fresh = true): void {
		const day = dayOf(note.written);
		let section = this.#days.firstElementChild;
		if (section === null || section.getAttribute("data-day") !== String(day)) {
			section = daySection(day);
			this.#days.prepend(section);
		}
		section.querySelector("ol")?.prepend(noteItem(note, fresh));
	}
}

function daySection(day: number): HTMLElement {
	const { name, date } = formatDay(day);
	const heading = element("h3", {}, name);
	if (date !== "") heading.append(" ", element("span", { class: "date" }, date));
	return element("section", { class: "day", "data-day": String(day) }, heading, element("ol"));
}

function noteItem(note: Note, fresh: boolean): HTMLElement {
	const { seen, written } = note;
	const time = timeElement(written, formatTime(written), formatExactly(written));
	const about = element("p", { class: "about" }, element("span", { class: "place" }, note.place));
	about.append(element("span", { class: "number" }, `no. ${note.number}`));
	if (seen !== undefined) {
		const text = dayOf(seen) === dayOf(written) ? formatTime(seen) : formatDateTime(seen);
		about.append(element("span", { class: "seen" }, "seen ", timeElement(seen, text, formatExactly(seen))));
	}
	const item = element("li", { class: fresh ? "note fresh" : "note", "data-id": note.id }, time, about);
	item.append(element("p", { class: "text" }, note.text));
	item.style.setProperty("--hue", hueOf(note.place));
	return item;
}

function emptyState(place: string | undefined): HTMLElement[] {
	const title = place === undefined ? "Nothing noted yet" : "Nothing noted here yet";
	const text =
		place === undefined
			? "Write what you see, and where. Every tab of this page shows it at once, and it stays on this device: a network is not needed."
			: "The first note of this place will be shown here.";
	return [element("h3", {}, title), element("p", {}, text)];
}
