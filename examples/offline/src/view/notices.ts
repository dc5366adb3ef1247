import { explain } from "../explain.js";
import { byId, element } from "./dom.js";

interface Action {
	readonly label: string;
	readonly run: () => void;
}

interface Notice {
	readonly title: string;
	readonly text: string;
	readonly detail?: string | undefined;
	readonly tone: "trouble" | "news";
	readonly action?: Action | undefined;
	/** Cannot be put aside: the page is of no use without an answer. */
	readonly lasting?: boolean;
}

const shown = new Map<string, HTMLElement>();

/** Shows a notice above the page. One of the same key takes the place of the one before. */
export function notify(key: string, { title, text, detail, tone, action, lasting }: Notice): void {
	const notice = element(
		"div",
		{ class: `notice ${tone}`, role: tone === "trouble" ? "alert" : "status" },
		element("div", { class: "words" }, element("strong", {}, title), element("p", {}, text)),
	);
	if (detail !== undefined) {
		notice.firstElementChild?.append(
			element("details", {}, element("summary", {}, "Details"), element("code", {}, detail)),
		);
	}
	const buttons = element("div", { class: "buttons" });
	if (action !== undefined) {
		const button = element("button", { type: "button" }, action.label);
		button.addEventListener("click", action.run);
		buttons.append(button);
	}
	if (lasting !== true) {
		const dismiss = element("button", { type: "button", class: "quiet" }, "Dismiss");
		dismiss.addEventListener("click", () => withdraw(key));
		buttons.append(dismiss);
	}
	notice.append(buttons);
	const before = shown.get(key);
	if (before === undefined) byId("notices", HTMLElement).append(notice);
	else before.replaceWith(notice);
	shown.set(key, notice);
}

/** Shows that something failed. */
export function notifyError(key: string, title: string, error: unknown, action?: Action, lasting = false): void {
	notify(key, { title, ...explain(error), tone: "trouble", action, lasting });
}

/** Takes a notice away; who was in it goes on at the heading of the notes. */
export function withdraw(key: string): void {
	const notice = shown.get(key);
	if (notice === undefined) return;
	shown.delete(key);
	const inside = notice.contains(document.activeElement);
	notice.remove();
	if (inside) byId("timeline-title", HTMLElement).focus();
}
