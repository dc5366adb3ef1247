import type { Store } from "streamkit";
import { followLog, openLog, watchPlaces } from "./log.js";
import type { Note } from "./note.js";
import { keepPage } from "./updates.js";
import { Composer } from "./view/composer.js";
import { announce, byId } from "./view/dom.js";
import { Files } from "./view/files.js";
import { notify, notifyError, withdraw } from "./view/notices.js";
import { Places } from "./view/places.js";
import { StoragePanel } from "./view/storage.js";
import { Timeline } from "./view/timeline.js";

const reload = { label: "Reload", run: () => location.reload() };

/** Everything that needs the log. */
async function showLog(store: Store): Promise<void> {
	const composer = new Composer(store);
	const timeline = new Timeline();
	const storage = new StoragePanel(store);
	const places = new Places((place) => {
		timeline.show(place);
		composer.suggest(place ?? "");
	});
	new Files(store);
	storage.refresh();

	let live = false;
	// Only when the notes are known that are there: places get their colours in the order of the notes.
	const watch = (): void => {
		watchPlaces(store, (status) => places.update(status), {
			onError: (error) => notifyError("places", "The list of places may be out of date", error, reload),
		}).catch((error: unknown) => notifyError("places", "The list of places is not known", error, reload));
	};
	await followLog(store, {
		notes: (notes) => {
			timeline.add(notes);
			places.noted(notes);
			if (!live) return;
			announceNotes(notes, composer.own);
			storage.refresh();
		},
		live: () => {
			if (live) return;
			live = true;
			timeline.ready();
			byId("page", HTMLElement).setAttribute("aria-busy", "false");
			watch();
		},
		failed: (error, again) => {
			if (again) notifyError("reading", "New notes cannot be shown for now", error);
			else notifyError("reading", "The log cannot be read any more", error, reload, true);
		},
		recovered: () => withdraw("reading"),
	});
}

function announceNotes(notes: readonly Note[], own: ReadonlySet<string>): void {
	const [note] = notes;
	if (note === undefined) return;
	if (notes.length > 1) announce(`${notes.length} new notes`);
	else if (own.has(note.trx)) announce(`Saved. ${note.place}, number ${note.number}.`);
	else announce(`New note at ${note.place}: ${note.text}`);
}

/** Whether there is a network, and that it does not matter. */
function showConnection(): void {
	const place = byId("connection", HTMLElement);
	let kept = false;
	const show = (): void => {
		const { onLine } = navigator;
		place.setAttribute("data-state", onLine ? "online" : "offline");
		if (onLine) place.textContent = kept ? "Ready for offline use" : "";
		else place.textContent = kept ? "Offline: everything works" : "Offline";
	};
	addEventListener("online", show);
	addEventListener("offline", show);
	show();
	keepPage({
		kept: () => {
			kept = true;
			show();
		},
		waiting: (use) =>
			notify("update", {
				title: "A new version is here",
				text: "It is used from the next start on, or now. Save what you are writing first.",
				tone: "news",
				action: { label: "Use it now", run: use },
			}),
		changed: () =>
			notify("update", {
				title: "Another tab uses a new version",
				text: "This tab goes on as it is until you reload it.",
				tone: "news",
				action: reload,
			}),
	}).catch((error: unknown) => notifyError("keeping", "The page is not kept for offline use", error));
}

async function start(): Promise<void> {
	showConnection();
	let store: Store;
	try {
		store = await openLog();
	} catch (error) {
		byId("opening", HTMLElement).hidden = true;
		notifyError("opening", "The log cannot be opened", error, reload, true);
		return;
	}
	try {
		await showLog(store);
	} catch (error) {
		notifyError("reading", "The log cannot be shown", error, reload, true);
	}
}

void start();
