import type { HostKv } from "../../../host.js";
import { assert } from "../assert.js";
import { type Case, needsSecond, type Rule } from "../case.js";
import { all, batch, put, row } from "../rows.js";

const needsHints: Rule = ({ watch }) => (watch === undefined ? "the host gives no hints" : undefined);
const needsTelling: Rule = ({ notify }) => (notify === undefined ? "the host tells nobody" : undefined);

const WAIT_MS = 10_000;
const AGAIN_MS = 100;

/** Writes and tells until somebody heard: a single hint may be lost. */
async function tellUntil(writer: HostKv, heard: Promise<void>): Promise<void> {
	let done = false;
	void heard.then(() => {
		done = true;
	});
	for (let i = 0; !done; i++) {
		assert(i * AGAIN_MS < WAIT_MS, "no hint arrives");
		await put(writer, ["a", String(i)]);
		writer.notify?.();
		await Promise.race([heard, new Promise((resolve) => setTimeout(resolve, AGAIN_MS))]);
	}
}

export const hintCases: readonly Case[] = [
	{
		name: "watching can be started and stopped, also twice",
		needs: [needsHints],
		async run({ host }) {
			const stops = [host.watch?.(() => {}), host.watch?.(() => {})];
			for (const stop of stops) {
				assert(typeof stop === "function", "watch must return a function");
				host.notify?.();
				stop();
				stop();
			}
			host.notify?.();
		},
	},
	{
		name: "a function that watches twice is stopped once",
		needs: [needsHints, needsTelling, needsSecond],
		async run(setting) {
			const { host } = setting;
			const other = await setting.second();
			let heard = (): void => {};
			const hint = new Promise<void>((resolve) => {
				heard = resolve;
			});
			const changed = (): void => heard();
			const stops = [host.watch?.(() => {}), other.watch?.(() => {}), other.watch?.(changed), other.watch?.(changed)];
			try {
				stops[2]?.();
				await tellUntil(host, hint);
			} finally {
				for (const stop of stops) stop?.();
			}
		},
	},
	{
		name: "no hint arrives from within a call",
		needs: [needsHints],
		async run(setting) {
			const { host } = setting;
			let calling = false;
			let early = 0;
			const stops = [0, 1].map(() =>
				host.watch?.(() => {
					if (calling) early++;
				}),
			);
			try {
				for (const call of [
					() => host.commit(batch({ puts: [["a", "1"]] })),
					() => host.get([row("a")]),
					() => host.scan({ ...all(), limit: 1 }),
				]) {
					calling = true;
					const answer = call();
					calling = false;
					await answer;
					host.notify?.();
				}
			} finally {
				for (const stop of stops) stop?.();
			}
			assert(early === 0, "a hint arrived before the call that it came from had returned");
		},
	},
	{
		name: "a hint arrives at another instance, until it stops watching",
		needs: [needsHints, needsTelling, needsSecond],
		async run(setting) {
			const { host } = setting;
			const other = await setting.second();
			const stops: ((() => void) | undefined)[] = [];
			try {
				// The writer watches as well: a host may leave out whoever watches alone.
				stops.push(host.watch?.(() => {}));
				let stopped = 0;
				let late = 0;
				await tellUntil(
					host,
					new Promise((resolve) => {
						const stop = other.watch?.(() => {
							late += stopped;
							resolve();
						});
						stops.push(stop);
					}),
				);
				stops.pop()?.();
				stopped = 1;
				await tellUntil(host, new Promise((resolve) => stops.push(other.watch?.(resolve))));
				assert(late === 0, "a hint arrived after watching was stopped");
			} finally {
				for (const stop of stops) stop?.();
			}
		},
	},
];
