// A writing process is killed at random moments, many times over; every write that it acknowledged is there afterwards.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { openDirectory } from "@streamkit/node";
import type { Store } from "streamkit";

const WRITER = fileURLToPath(new URL("./writer.ts", import.meta.url));
const ROUNDS = Number(process.env["STREAMKIT_KILL_ROUNDS"] ?? 25);

// The moments are drawn from a seed that a failure prints.
const SEED = Number(process.env["STREAMKIT_KILL_SEED"] ?? Date.now() % 1_000_000);
let state = SEED;
function random(): number {
	state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
	return state / 2 ** 32;
}

interface Acknowledged {
	/** Segment to its last acknowledged sequence. */
	readonly sequences: Map<string, number>;
	readonly pairs: Set<string>;
}

/** Runs a writer until it is killed; gives how many lines it wrote. */
function writeUntilKilled(directory: string, round: number, durability: string, into: Acknowledged): Promise<number> {
	return new Promise((resolve, reject) => {
		const child = spawn(process.execPath, ["--import", "tsx", WRITER, directory, String(round), durability], {
			stdio: ["ignore", "pipe", "inherit"],
		});
		let lines = 0;
		createInterface({ input: child.stdout })
			.on("line", (line) => {
				if (line === "ready") {
					setTimeout(() => child.kill("SIGKILL"), 5 + random() * 250);
					return;
				}
				lines++;
				const [what = "", value = ""] = line.split(" ");
				if (what === "pair") into.pairs.add(value);
				else into.sequences.set(what, Math.max(into.sequences.get(what) ?? 0, Number(value)));
			})
			.on("close", () => {
				if (child.signalCode === "SIGKILL") resolve(lines);
				else
					child.once("exit", (code, signal) =>
						signal === "SIGKILL" ? resolve(lines) : reject(new Error(`writer: exit code ${code}`)),
					);
			});
		child.once("error", reject);
	});
}

async function verify(store: Store, acknowledged: Acknowledged): Promise<void> {
	for (const [segment, last] of acknowledged.sequences) {
		let next = 1;
		for await (const entry of store.consumeSegment({ space: "crash", segment })) {
			assert.equal(entry.sequence, next++, `a gap in ${segment}`);
			assert.match(entry.text(), new RegExp(`^\\d+:${segment}:x*$`));
		}
		assert.ok(next > last, `${segment}: ${last} was acknowledged, the last one there is ${next - 1}`);
	}
	const left = (await store.consumeSpace({ space: "left" }).toArray()).map((entry) => entry.text());
	const right = (await store.consumeSpace({ space: "right" }).toArray()).map((entry) => entry.text());
	assert.deepEqual(left, right, "half a transaction");
	for (const pair of acknowledged.pairs) assert.ok(left.includes(pair), `the transaction ${pair} is gone`);
	const report = await store.verify();
	assert.deepEqual(report.problems, []);
}

for (const durability of ["strict", "relaxed"]) {
	test(`a ${durability} writer killed ${ROUNDS} times loses nothing it acknowledged`, {
		timeout: 600_000,
	}, async (t) => {
		t.diagnostic(`STREAMKIT_KILL_SEED=${SEED}`);
		const directory = await mkdtemp(join(tmpdir(), "streamkit-kill-"));
		try {
			const acknowledged: Acknowledged = { sequences: new Map(), pairs: new Set() };
			let lines = 0;
			for (let round = 0; round < ROUNDS; round++) {
				lines += await writeUntilKilled(directory, round, durability, acknowledged);
				// Every few rounds: reading all of it back each time would be most of the test.
				if (round % 5 === 4 || round === ROUNDS - 1) {
					const store = await openDirectory(directory);
					await verify(store, acknowledged);
					await store.close();
				}
			}
			assert.ok(lines > ROUNDS, `the writers acknowledged only ${lines} writes`);
			t.diagnostic(`${lines} acknowledgements, ${acknowledged.pairs.size} transactions`);
		} finally {
			await rm(directory, { recursive: true, force: true });
		}
	});
}
