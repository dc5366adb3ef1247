// A process that writes until it is killed. It says on stdout what was acknowledged, line by line, after the fact.
//   writer.ts DIRECTORY ROUND DURABILITY

import { writeSync } from "node:fs";
import { openDirectory } from "@streamkit/node";
import type { Durability } from "streamkit";

const [directory = "", round = "0", durability = "strict"] = process.argv.slice(2);
const store = await openDirectory(directory, { durability: durability as Durability });
// A pipe takes a short line whole, and what is written is the reader's even when this process is gone.
const say = (line: string) => writeSync(1, `${line}\n`);
say("ready");

let n = 0;
const payload = (label: string) => `${round}:${label}:${"x".repeat((n++ * 37) % 700)}`;

async function singles(segment: string) {
	for (;;) {
		const status = await store.publish("crash", segment, payload(segment));
		say(`${segment} ${status.lastSequence}`);
	}
}

async function batches(segment: string) {
	for (;;) {
		const records = Array.from({ length: 150 }, () => ({ payload: payload(segment) }));
		const status = await store.produce("crash", segment, records);
		say(`${segment} ${status.lastSequence}`);
	}
}

async function transactions() {
	for (let pair = 1; ; pair++) {
		const mark = `${round}-${pair}`;
		await store.transact([
			{ space: "left", segment: "pairs", records: [{ payload: mark }] },
			{ space: "right", segment: "pairs", records: [{ payload: mark }] },
		]);
		say(`pair ${mark}`);
	}
}

await Promise.all([singles("a"), singles("b"), batches("c"), transactions()]);
