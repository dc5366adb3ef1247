import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { openDirectory } from "@streamkit/node";
import cliProgress from "cli-progress";
import { json } from "streamkit";
import { note } from "../lib/console.mjs";
import { checksum, dataset, groupBy, isBefore, listed, number } from "./source.mjs";

const SPACE = "flights";
const BAND_MILES = 500;

const bandOf = ({ distance }) => {
	const from = Math.floor(distance / BAND_MILES) * BAND_MILES;
	return `${String(from).padStart(4, "0")}-${String(from + BAND_MILES - 1).padStart(4, "0")} miles`;
};

const mebibytes = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

/** A bar on a terminal, nothing elsewhere. */
function progressBar(title, total) {
	if (!process.stdout.isTTY) return { update: () => {}, stop: () => {} };
	const bar = new cliProgress.SingleBar({
		stream: process.stdout,
		format: `  ${title} [{bar}] {percentage}% | {value}/{total} rows`,
		clearOnComplete: true,
		hideCursor: true,
		barsize: 30,
	});
	bar.start(total, 0);
	return bar;
}

/** What the files below a directory take on the disk. */
function bytesOnDisk(directory) {
	return readdirSync(directory).reduce((sum, name) => {
		const stats = lstatSync(join(directory, name));
		return sum + (stats.isDirectory() ? bytesOnDisk(join(directory, name)) : stats.blocks * 512);
	}, 0);
}

async function timed(rows, work) {
	const start = performance.now();
	const result = await work();
	return { result, rate: `${number((rows / (performance.now() - start)) * 1000)} rows/s` };
}

/** All flights, a segment for each band of distance, in the order of the source. */
export async function flights(directory, checks, most = Number.POSITIVE_INFINITY) {
	const source = dataset("flights-200k.json");
	if (most === Number.POSITIVE_INFINITY) checks.equal("the source has all its flights", source.value.length, 231_083);
	const rows = source.value.slice(0, most);
	const bands = groupBy(rows, bandOf);
	const payloads = new Map([...bands].map(([band, group]) => [band, group.map((row) => json(row))]));
	const names = [...bands.keys()].sort();

	let store = await openDirectory(directory);
	const writing = progressBar("storing", rows.length);
	const written = await timed(rows.length, async () => {
		let done = 0;
		await Promise.all(
			names.map(async (band) => {
				let last = 0;
				const records = payloads.get(band).map((payload) => ({ payload }));
				for await (const status of store.produceStream(SPACE, band, records)) {
					done += status.lastSequence - last;
					last = status.lastSequence;
					writing.update(done);
				}
				checks.equal("a band is stored to its last flight", last, payloads.get(band).length);
			}),
		);
	});
	writing.stop();
	note(`${number(rows.length)} flights in ${names.length} bands stored: ${written.rate}`);
	await store.close();
	const disk = bytesOnDisk(directory);

	store = await openDirectory(directory);
	const reading = progressBar("reading", rows.length);
	const read = new Map(names.map((name) => [name, []]));
	const all = await timed(rows.length, async () => {
		let done = 0;
		let last = "0-0";
		for await (const page of store.consumeSpace({ space: SPACE }).pages()) {
			for (const entry of page) {
				const { segment, sequence, id } = entry;
				const texts = read.get(segment);
				if (!isBefore(last, id)) checks.equal("ids grow from flight to flight", id, `after ${last}`);
				if (sequence !== texts?.length + 1)
					checks.equal("no sequence of a band is missing", sequence, texts?.length + 1);
				texts?.push(entry.text());
				last = id;
			}
			done += page.length;
			reading.update(done);
		}
		checks.equal("every flight is read once", done, rows.length);
	});
	reading.stop();
	note(`read back in the order of commits: ${all.rate}`);
	checks.equal("the bands are listed in order", await listed(store.getSegments(SPACE)), names);
	for (const band of names) {
		checks.equal("a band has as many flights as the source", read.get(band).length, bands.get(band).length);
		checks.equal("SHA-256 over a band's payloads", checksum(read.get(band)), checksum(payloads.get(band)));
		const latest = await store.peek(SPACE, band);
		checks.equal("the latest flight of a band is the source's last", latest.json(), bands.get(band).at(-1));
		checks.equal("a flight has no metadata", { ...latest.metadata }, {});
	}
	const report = await store.verify();
	checks.equal("the store finds no problem in the flights", report.problems, []);
	checks.equal("the store counts all flights", report.entries, rows.length);

	const { bytesAfter } = await store.compact();
	await store.close();
	const text = rows.reduce((sum, row) => sum + json(row).length + 1, 0);
	note(
		`bytes of JSON: ${mebibytes(text)}; on disk: ${mebibytes(disk)}; in blocks, once compacted: ${mebibytes(bytesAfter)}`,
	);
}
