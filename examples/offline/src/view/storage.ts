import type { Health, Store } from "streamkit";
import { formatBytes } from "../format.js";
import { byId, element } from "./dom.js";
import { notifyError, withdraw } from "./notices.js";

/** How well the log is kept on this device. */
export class StoragePanel {
	readonly #store: Store;
	readonly #facts = byId("health", HTMLElement);
	readonly #warnings = byId("warnings", HTMLElement);
	readonly #persist = byId("persist", HTMLButtonElement);
	readonly #outcome = byId("persist-outcome", HTMLElement);
	#looking = false;
	#again = false;

	constructor(store: Store) {
		this.#store = store;
		this.#persist.addEventListener("click", () => void this.#ask());
		document.addEventListener("visibilitychange", () => {
			if (document.visibilityState === "visible") this.refresh();
		});
	}

	/** Looks again; calls during a look are one more look. */
	refresh(): void {
		if (this.#looking) {
			this.#again = true;
			return;
		}
		this.#looking = true;
		void this.#look();
	}

	async #look(): Promise<void> {
		try {
			do {
				this.#again = false;
				this.#show(await this.#store.health());
			} while (this.#again);
			withdraw("health");
		} catch (error) {
			notifyError("health", "The state of the storage is not known", error);
		} finally {
			this.#looking = false;
		}
	}

	#show(health: Health): void {
		const { persisted, usage, quota } = health;
		const facts: HTMLElement[] = [
			...fact("Kept", keptInWords(persisted), persisted === true ? "good" : persisted === false ? "fair" : undefined),
		];
		if (usage !== undefined) facts.push(...fact("Used", used(usage, quota)));
		if (usage !== undefined && quota !== undefined && quota > 0) {
			facts.push(element("dd", { class: "bar" }, meter(usage / quota)));
		}
		facts.push(...fact("Survives", health.durability === "strict" ? "power loss" : "a crash of the browser"));
		this.#facts.replaceChildren(...facts);
		this.#warnings.hidden = health.warnings.length === 0;
		this.#warnings.replaceChildren(...health.warnings.map((warning) => element("li", {}, warning)));
		this.#persist.hidden = persisted !== false;
	}

	async #ask(): Promise<void> {
		this.#persist.disabled = true;
		this.#outcome.textContent = "Asking\u2026";
		try {
			this.#outcome.textContent = (await navigator.storage.persist())
				? "The browser keeps the log until you remove it."
				: "The browser did not agree. It tends to, once the page is installed, bookmarked or used often.";
		} catch {
			this.#outcome.textContent = "This browser cannot be asked.";
		}
		this.#persist.disabled = false;
		this.refresh();
	}
}

function keptInWords(persisted: boolean | undefined): string {
	if (persisted === undefined) return "not known";
	return persisted ? "until you remove it" : "while there is room";
}

function used(usage: number, quota: number | undefined): string {
	return quota === undefined ? formatBytes(usage) : `${formatBytes(usage)} of ${formatBytes(quota)}`;
}

function fact(name: string, value: string, tone?: string): HTMLElement[] {
	return [element("dt", {}, name), element("dd", tone === undefined ? {} : { class: tone }, value)];
}

/** A little is seen as a little, not as nothing. */
function meter(share: number): HTMLElement {
	const percent = Math.min(100, Math.max(1, share * 100)).toFixed(1);
	const bar = element(
		"span",
		{ class: "track", role: "img", "aria-label": `${percent} % used` },
		element("span", { class: "share" }),
	);
	bar.style.setProperty("--share", `${percent}%`);
	return bar;
}
