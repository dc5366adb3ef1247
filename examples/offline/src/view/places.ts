import type { SegmentStatus } from "streamkit";
import { count, formatBriefly, formatExactly, formatNumber } from "../format.js";
import type { Note } from "../note.js";
import { byId, element, hueOf, timeElement } from "./dom.js";

interface Row {
	readonly item: HTMLElement;
	readonly button: HTMLButtonElement;
	status: SegmentStatus;
}

/** The last note of a place: when it was written down, and how many notes came before it in the log. */
interface Last {
	readonly written: number;
	readonly position: number;
}

/** The places with what is known of each, the latest first. Choosing one shows it alone. */
export class Places {
	readonly #nav = byId("places", HTMLElement);
	readonly #list = byId("place-list", HTMLUListElement);
	readonly #known = byId("known-places", HTMLDataListElement);
	readonly #rows = new Map<string, Row>();
	readonly #last = new Map<string, Last>();
	/** Notes so far. */
	#notes = 0;
	readonly #all: HTMLButtonElement;
	readonly #choose: (place: string | undefined) => void;
	#chosen: string | undefined;

	constructor(choose: (place: string | undefined) => void) {
		this.#choose = choose;
		this.#all = element("button", { type: "button" });
		this.#all.addEventListener("click", () => this.choose(undefined));
		this.#list.append(element("li", { class: "all" }, this.#all));
		this.#mark();
	}

	choose(place: string | undefined): void {
		this.#chosen = place;
		this.#mark();
		this.#choose(place);
	}

	/** Takes in notes, in the order in which they were stored. */
	noted(notes: readonly Note[]): void {
		for (const { place, written } of notes) this.#last.set(place, { written, position: this.#notes++ });
		for (const place of new Set(notes.map((note) => note.place))) {
			const row = this.#rows.get(place);
			if (row !== undefined) fill(row, this.#last.get(place));
		}
		this.#sort();
	}

	/** Takes in what a subscription tells of a place. */
	update(status: SegmentStatus): void {
		const row = this.#rows.get(status.segment) ?? this.#make(status);
		row.status = status;
		fill(row, this.#last.get(status.segment));
		this.#sort();
		const total = [...this.#rows.values()].reduce((sum, { status }) => sum + entries(status), 0);
		this.#all.replaceChildren(
			element("span", { class: "name" }, "All places"),
			element("span", { class: "count", "aria-label": count(total, "note", "notes") }, formatNumber(total)),
		);
		this.#nav.hidden = false;
		this.#mark();
	}

	#make(status: SegmentStatus): Row {
		const place = status.segment;
		const button = element("button", { type: "button" });
		button.addEventListener("click", () => this.choose(place));
		const row = { item: element("li", {}, button), button, status };
		row.item.style.setProperty("--hue", hueOf(place));
		this.#rows.set(place, row);
		this.#known.append(element("option", { value: place }));
		return row;
	}

	#sort(): void {
		// By the order of the log, not by clocks. A note that is not read yet is the last one.
		const position = ({ status }: Row): number => this.#last.get(status.segment)?.position ?? this.#notes;
		const latestFirst = [...this.#rows.values()].sort((a, b) => position(b) - position(a));
		let before: Element | null = this.#list.firstElementChild;
		for (const { item, button } of latestFirst) {
			if (before?.nextElementSibling !== item) {
				const focused = button === document.activeElement;
				before?.after(item);
				// An element that is moved loses the focus.
				if (focused) button.focus();
			}
			before = item;
		}
	}

	#mark(): void {
		this.#all.setAttribute("aria-pressed", String(this.#chosen === undefined));
		for (const [place, { button }] of this.#rows) {
			button.setAttribute("aria-pressed", String(this.#chosen === place));
		}
	}
}

function entries(status: SegmentStatus): number {
	return status.lastSequence - status.firstSequence + 1;
}

function fill({ button, status }: Row, note: Last | undefined): void {
	const last = note?.written ?? status.lastTimestamp;
	const total = entries(status);
	button.replaceChildren(
		element("span", { class: "name" }, status.segment),
		element("span", { class: "count", "aria-label": count(total, "note", "notes") }, formatNumber(total)),
		element("span", { class: "last" }, "last ", timeElement(last, formatBriefly(last), formatExactly(last))),
	);
}
