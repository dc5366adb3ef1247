import type { SegmentStatus } from "streamkit";
import { count, formatBriefly, formatExactly, formatNumber } from "../format.js";
import { byId, element, hueOf, timeElement } from "./dom.js";

interface Row {
	readonly item: HTMLElement;
	readonly button: HTMLButtonElement;
	status: SegmentStatus;
}

/** The places with what is known of each, the latest first. Choosing one shows it alone. */
export class Places {
	readonly #nav = byId("places", HTMLElement);
	readonly #list = byId("place-list", HTMLUListElement);
	readonly #known = byId("known-places", HTMLDataListElement);
	readonly #rows = new Map<string, Row>();
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

	/** Takes in what a subscription tells of a place. */
	update(status: SegmentStatus): void {
		const row = this.#rows.get(status.segment) ?? this.#make(status);
		row.status = status;
		fill(row);
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
		const byTime = [...this.#rows.values()].sort((a, b) => b.status.lastTimestamp - a.status.lastTimestamp);
		let before: Element | null = this.#list.firstElementChild;
		for (const { item, button } of byTime) {
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

function fill({ button, status }: Row): void {
	const { lastTimestamp } = status;
	const total = entries(status);
	button.replaceChildren(
		element("span", { class: "name" }, status.segment),
		element("span", { class: "count", "aria-label": count(total, "note", "notes") }, formatNumber(total)),
		element(
			"span",
			{ class: "last" },
			"last ",
			timeElement(lastTimestamp, formatBriefly(lastTimestamp), formatExactly(lastTimestamp)),
		),
	);
}
