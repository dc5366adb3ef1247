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

/** A colour for a name, the same in every tab and on every device. */
export function hueOf(name: string): string {
	let hash = 2166136261;
	for (const unit of name) hash = Math.imul(hash ^ (unit.codePointAt(0) ?? 0), 16777619);
	// Steps of the golden angle keep neighbours apart.
	return String(Math.round(((hash >>> 0) % 997) * 137.508) % 360);
}
