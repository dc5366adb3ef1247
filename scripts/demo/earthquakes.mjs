import { openDirectory } from "@streamkit/node";
import { json } from "streamkit";
import { note } from "../lib/console.mjs";
import { checksum, dataset, groupBy, isBefore, listed, number } from "./source.mjs";

const SPACE = "earthquakes";

const metadataOf = ({ properties: { mag, place } }) => ({ magnitude: String(mag), place });

/** What was read of one network is what the source has: each entry, their order, and all of them together. */
function checkNetwork(checks, entries, features) {
	checks.equal("a network has as many entries as the source", entries.length, features.length);
	for (const [index, feature] of features.entries()) {
		const entry = entries[index];
		checks.equal("sequences count from 1 in the order of the source", entry?.sequence, index + 1);
		checks.equal("an entry's payload is its feature", entry?.json(), feature);
		checks.equal("an entry's metadata is its magnitude and place", { ...entry?.metadata }, metadataOf(feature));
	}
	checks.equal(
		"SHA-256 over a network's payloads",
		checksum(entries.map(({ payload }) => payload)),
		checksum(features.map((feature) => json(feature))),
	);
}

/** Every earthquake of a week, a segment for each network that reported it, in the order in which they happened. */
export async function earthquakes(directory, checks) {
	const features = dataset("earthquakes.json").value.features.sort((a, b) => a.properties.time - b.properties.time);
	const networks = groupBy(features, ({ properties }) => properties.net);
	const names = [...networks.keys()].sort();

	let store = await openDirectory(directory);
	const { id } = store;
	const statuses = await Promise.all(
		names.map((name) => {
			const records = networks.get(name).map((feature) => ({ payload: json(feature), metadata: metadataOf(feature) }));
			return store.produce(SPACE, name, records);
		}),
	);
	for (const { segment, firstSequence, lastSequence } of statuses) {
		checks.equal(
			"a network's status is that of the source",
			[firstSequence, lastSequence],
			[1, networks.get(segment).length],
		);
	}
	note(`${number(features.length)} earthquakes of ${names.length} networks stored`);
	await store.close();

	store = await openDirectory(directory);
	note("closed and opened again");
	checks.equal("the store is the same after it was closed and opened", store.id, id);
	checks.equal("the spaces are listed", await listed(store.getSpaces()), [SPACE]);
	checks.equal("the networks are listed in order", await listed(store.getSegments(SPACE)), names);

	const largest = names.reduce((a, b) => (networks.get(b).length > networks.get(a).length ? b : a));
	const alone = await store.consumeSegment({ space: SPACE, segment: largest }).toArray();
	checkNetwork(checks, alone, networks.get(largest));
	note(`network "${largest}": ${number(alone.length)} entries in sequence order`);

	const half = Math.floor(features.length / 2);
	const first = await store.consumeSpace({ space: SPACE, limit: half }).toArray();
	const cursor = first.at(-1).spaceOffset().toHex();
	await store.close();
	store = await openDirectory(directory);
	const second = await store.consumeSpace({ space: SPACE, offset: cursor }).toArray();
	const whole = [...first, ...second];
	checks.equal("the first half of the space is a half", first.length, half);
	checks.equal("both halves together are the whole source", whole.length, features.length);
	for (const [index, entry] of whole.entries()) {
		if (index > 0) checks.equal("ids grow from entry to entry", isBefore(whole[index - 1].id, entry.id), true);
	}
	const read = groupBy(whole, ({ segment }) => segment);
	checks.equal("the halves hold every network", [...read.keys()].sort(), names);
	for (const name of names) checkNetwork(checks, read.get(name) ?? [], networks.get(name));
	note(`the space in two halves, the cursor carried over: ${number(first.length)} + ${number(second.length)} entries`);

	for (const name of names) {
		const latest = await store.peek(SPACE, name);
		const expected = networks.get(name).at(-1);
		checks.equal("the latest of a network is the source's last", latest.sequence, networks.get(name).length);
		checks.equal("the latest of a network holds the source's last", latest.json(), expected);
		checks.equal("the latest of a network has its metadata", { ...latest.metadata }, metadataOf(expected));
	}
	note(`the latest of each of ${names.length} networks`);

	const report = await store.verify();
	checks.equal("the store finds no problem in itself", report.problems, []);
	checks.equal(
		"the store counts what the source has",
		[report.spaces, report.segments, report.entries],
		[1, names.length, features.length],
	);
	await store.close();
}
