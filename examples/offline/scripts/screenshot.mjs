// Makes docs/images/offline.png: two tabs of one browser, side by side. Takes Chromium and the fonts of this machine.

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { build, preview } from "vite";
import { chromiumHelp, findChromium } from "../../../scripts/lib/browsers.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const target = fileURLToPath(new URL("../../../docs/images/offline.png", import.meta.url));
const view = { width: 680, height: 846 };

// Day and hour of the picture, and what was written down before and then.
const now = new Date("2026-05-09T10:24:00");
const minutesAgo = (minutes) => new Date(now.getTime() - minutes * 60_000);
const notes = [
	[1215, "North ridge", "Cloud down to the cairn all afternoon. No birds."],
	[1140, "River bend", "Water 20 cm above the stone. Brown, fast."],
	[188, "North ridge", "Two red kites, low over the slope, heading east."],
	[151, "Old orchard", "First blossom on the three trees by the wall."],
	[96, "River bend", "Otter tracks on the sandbank, fresh. Photo 41."],
	[47, "North ridge", "Kites again, now four. One carries a twig."],
	[12, "Old orchard", "Redstart singing from the shed roof. Nest box 7 is taken."],
	[0, "River bend", "Dipper feeding two young under the footbridge."],
];

async function write(page, [, place, text]) {
	await page.getByLabel("What did you see?").fill(text);
	await page.getByLabel("Place", { exact: true }).fill(place);
	await page.getByRole("button", { name: "Save note" }).click();
	await page.locator(".note", { hasText: text }).waitFor();
}

/** Both tabs in plain frames on one ground. */
function composition(left, right, address) {
	const frame = (png) => `<figure><figcaption><i></i><i></i><i></i><span>${address}</span></figcaption>
		<img src="data:image/png;base64,${png.toString("base64")}" width="${view.width}" height="${view.height}"></figure>`;
	return `<!doctype html><style>
		body { margin: 0; padding: 26px; display: flex; gap: 28px; background: #d9ddd2; font: 12px Inter, system-ui, sans-serif }
		figure { margin: 0; border-radius: 11px; overflow: hidden; background: #ebe8df; box-shadow: 0 0 0 1px #0001, 0 14px 34px -14px #1f2b1f66 }
		figcaption { display: flex; align-items: center; gap: 7px; height: 34px; padding: 0 13px; color: #5d655c }
		i { width: 10px; height: 10px; border-radius: 50%; background: #cdc9bc }
		span { margin-left: 10px } img { display: block }
	</style>${frame(left)}${frame(right)}`;
}

const executablePath = findChromium();
if (executablePath === undefined) throw new Error(chromiumHelp);
const profile = await mkdtemp(join(tmpdir(), "field-log-"));
await build({ root, logLevel: "warn" });
const server = await preview({ root, logLevel: "warn", preview: { host: "127.0.0.1", port: 0, strictPort: true } });
const context = await chromium.launchPersistentContext(profile, {
	executablePath,
	args: ["--no-sandbox"],
	viewport: view,
	colorScheme: "light",
	locale: "en-GB",
	reducedMotion: "reduce",
});
try {
	const url = `http://127.0.0.1:${server.httpServer.address().port}/`;
	await context.clock.install({ time: minutesAgo(notes[0][0] + 1) });
	const [left, right] = [await context.newPage(), await context.newPage()];
	for (const page of [left, right]) {
		await page.goto(url);
		await page.getByText("Ready for offline use").waitFor();
	}
	for (const note of notes) {
		const page = note[1] === "North ridge" ? left : right;
		for (const tab of [left, right]) await tab.clock.setSystemTime(minutesAgo(note[0]));
		await write(page, note);
	}
	for (const page of [left, right]) {
		await page.reload();
		await page.locator(".note", { hasText: notes.at(-1)[2] }).waitFor();
		await page.getByText("Survives").waitFor();
		await page.getByText("Ready for offline use").waitFor();
	}
	// The network is gone, and one tab is about to write.
	await context.setOffline(true);
	await left.getByLabel("Place", { exact: true }).fill("North ridge");
	await left.getByLabel("What did you see?").fill("Both kites at the nest now, in the tall larch.");
	await right.getByRole("button", { name: /River bend/ }).click();
	const shots = [await left.screenshot(), await right.screenshot()];
	const paper = await context.newPage();
	await paper.setViewportSize({ width: 1440, height: 932 });
	await paper.setContent(composition(shots[0], shots[1], "Field Log"));
	await paper.screenshot({ path: target });
	console.log(`${target}: ${Math.round((await readFile(target)).length / 1000)} KB`);
} finally {
	await context.close();
	await server.close();
	await rm(profile, { recursive: true, force: true, maxRetries: 5 });
}
