type Attributes = Readonly<Record<string, string>>;

/** A new element. Text given here is text, never markup. */
export function element<K extends keyof HTMLElementTagNameMap>(
	name: K,
	attributes: Attributes = {},
	...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
	const made = document.createElement(name);
	for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
	made.append(...children);
	return made;
}

/** The element of the page with that id. */
export function byId<T extends HTMLElement>(id: string, kind: { new (): T }): T {
	const found = document.getElementById(id);
	if (!(found instanceof kind)) throw new Error(`the page has no ${kind.name} called ${id}`);
	return found;
}

/** A time, with the machine's form of it and the full one on request. */
export function timeElement(ms: number, text: string, title: string): HTMLTimeElement {
	return element("time", { datetime: new Date(ms).toISOString(), title }, text);
}

let announcing: ReturnType<typeof setTimeout> | undefined;

/** Says something to those who cannot see the page change. */
export function announce(text: string): void {
	const region = byId("announcer", HTMLElement);
	// The same words twice are a change only when something was in between.
	region.textContent = "";
	clearTimeout(announcing);
	announcing = setTimeout(() => {
		region.textContent = text;
	}, 50);
}

const hues = new Map<string, string>();

/** A colour for a place, by the order in which places came up: in every tab and on every device the same. */
export function hueOf(place: string): string {
	let hue = hues.get(place);
	if (hue === undefined) {
		// Steps of the golden angle stay apart from each other.
		hue = String(Math.round(22 + hues.size * 137.508) % 360);
		hues.set(place, hue);
	}
	return hue;
}
