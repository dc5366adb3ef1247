// What the tests run in processes of their own: node child.ts <task> <arguments>. Prints lines of JSON.
import fs, { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { isStreamkitError } from "streamkit";
import { DirectoryHost } from "../src/directory/host.js";
import { openNamespaces } from "../src/index.js";
import { batch, bytes, numberKey, text, withFileSystem } from "./support.js";
import { FILE_BYTES, long, SmallFiles } from "./values-support.js";

function say(value: unknown): void {
	process.stdout.write(`${JSON.stringify(value)}\n`);
}

function problem(error: unknown): unknown {
	return isStreamkitError(error) ? { code: error.code, message: error.message, details: error.details } : String(error);
}

const tasks: Record<string, (...args: string[]) => Promise<void>> = {
	/** Adds to one number, each time on the condition that it has not changed. */
	async increment(path, times, durability) {
		const host = new DirectoryHost(path ?? "");
		const key = bytes("number");
		let conflicts = 0;
		for (let done = 0; done < Number(times); ) {
			const [value] = host.get([key]);
			const next = bytes(String(Number(text(value) ?? 0) + 1));
			const result = await host.commit({
				checks: [{ key, value }],
				deletes: [],
				puts: [{ key, value: next }],
				durability: durability === "strict" ? "strict" : "relaxed",
			});
			if (result.applied) done += 1;
			else conflicts += 1;
		}
		await host.close();
		say({ conflicts });
	},

	/** Opens, adds to one number and closes, so many times. */
	async reopen(path, times) {
		const key = bytes("number");
		for (let done = 0; done < Number(times); ) {
			const host = new DirectoryHost(path ?? "");
			const [value] = host.get([key]);
			const next = bytes(String(Number(text(value) ?? 0) + 1));
			const durability = Math.random() < 0.5 ? "strict" : "relaxed";
			const change = { checks: [{ key, value }], deletes: [], puts: [{ key, value: next }], durability } as const;
			if ((await host.commit(change)).applied) done += 1;
			await host.close();
		}
		say({ done: true });
	},

	/** Writes rows of 1 MiB each under its own prefix and reads those of all others meanwhile. */
	async grow(path, prefix, rows) {
		const host = new DirectoryHost(path ?? "");
		const value = new Uint8Array(1024 * 1024).fill(Number(prefix));
		for (let row = 0; row < Number(rows); row += 1) {
			const puts = [{ key: numberKey(Number(prefix) * 1_000_000 + row), value }];
			await host.commit({ checks: [], deletes: [], puts, durability: "strict" });
			const page = host.scan({ start: numberKey(0), end: numberKey(1e12), limit: 4, reverse: row % 2 === 0 });
			for (const [index, key] of page.keys.entries()) {
				const owner = Math.floor(Number(new DataView(key.buffer).getBigUint64(0)) / 1_000_000);
				const read = page.values[index];
				if (read?.length !== value.length || read[0] !== owner || read.at(-1) !== owner) throw new Error("mixed up");
			}
		}
		await host.close();
		say({ done: true });
	},

	/** Writes large values over those it wrote before, so many times, sweeps, and reads those of all others meanwhile. */
	async values(path, name, times) {
		const store = new SmallFiles(path ?? "");
		for (let number = 0; number < Number(times); number += 1) {
			const key = `${name} ${number % 5}`;
			store.commit({ [key]: long(`${key} ${number}`, 17_000 + (number % 7) * 5000) }, number % 50 !== 0);
			store.sweep();
			for (const [key, value] of store.rows(number % 2 === 0)) {
				if (key !== "first" && !value.startsWith(`${key} `)) throw new Error(`${key} has ${value.slice(0, 20)}`);
			}
		}
		await store.environment.close();
		say({ done: true });
	},

	/** Writes large values until killed, sweeping, and says each number once it is committed. */
	async laying(path, before) {
		const store = new SmallFiles(path ?? "");
		for (let number = Number(before) + 1; ; number += 1) {
			store.commit({ count: String(number), [`row ${number % 7}`]: long(`${number} `, FILE_BYTES / 9) });
			say(number);
			store.sweep();
			if (number % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
		}
	},

	/** Writes until killed, and says each number once it is committed. */
	async count(path, durability) {
		const host = new DirectoryHost(path ?? "");
		for (let number = 1; ; number += 1) {
			const change = { number: String(number), [`row ${number % 97}`]: String(number).repeat(50) };
			await host.commit(batch(change, durability === "strict" ? "strict" : "relaxed"));
			say(number);
			if (number % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
		}
	},

	/** Writes until there is no room, then shows that reading and a small change still work. */
	async fill(path, durability, size) {
		process.on("SIGXFSZ", () => {});
		const strict = durability === "strict" ? "strict" : "relaxed";
		let host = new DirectoryHost(path ?? "");
		const value = new Uint8Array(Number(size)).fill(7);
		let stored = 0;
		let error: unknown;
		for (let row = 0; row < 10_000 && error === undefined; row += 1) {
			try {
				const puts = [{ key: numberKey(row), value }];
				await host.commit({ checks: [], deletes: [], puts, durability: strict });
				stored += 1;
			} catch (caught) {
				error = caught;
			}
		}
		const count = () =>
			host.scan({ start: numberKey(0), end: numberKey(1e9), limit: 100_000, keysOnly: true }).keys.length;
		const after = count();
		// Deleting needs pages as well, which earlier deletions and the end of the file may still have.
		let again: unknown;
		try {
			await host.commit({ checks: [], deletes: [numberKey(0)], puts: [], durability: strict });
		} catch (caught) {
			again = caught;
		}
		let closing: unknown;
		await host.close().catch((caught: unknown) => {
			closing = caught;
		});
		host = new DirectoryHost(path ?? "");
		const reopened = count();
		const page = host.scan({ start: numberKey(1), end: numberKey(1e9), limit: 100_000, maxBytes: 1e7 });
		const whole = page.values.every((read) => read.length === value.length && read.every((byte) => byte === 7));
		await host.close().catch(() => {});
		say({
			stored,
			after,
			reopened,
			whole,
			error: problem(error),
			again: again === undefined ? undefined : problem(again),
			closing: closing === undefined ? undefined : problem(closing),
		});
	},

	/** Opens namespaces of its own in turn, writes to each a while after it has said so, and says what was stored. */
	async namespaces(path, names, own) {
		const namespaces = await openNamespaces(path ?? "");
		for (let number = 0; number < Number(names); number += 1) {
			const name = `${own}${number}`;
			try {
				await namespaces.create(name);
				const store = await namespaces.open(name);
				say({ name });
				const end = performance.now() + (number % 50) / 5;
				while (performance.now() < end);
				await store.publish("space", "segment", "x");
				say({ name, stored: true });
			} catch (error) {
				say({ name, refused: problem(error) });
			}
		}
		await namespaces.close();
	},

	/** Opens a directory and says what happens. */
	async open(path) {
		try {
			const host = new DirectoryHost(path ?? "");
			const page = host.scan({ start: bytes("\0"), end: bytes("~"), limit: 100_000 });
			const rows = page.keys.length;
			await host.commit(batch({ opened: "yes" }, "strict"));
			await host.close();
			say({ rows });
		} catch (error) {
			say(problem(error));
		}
	},

	/** Opens a directory with room for one more open file, for two, and so on until that does. */
	async squeeze(path) {
		const taken: number[] = [];
		try {
			for (;;) taken.push(openSync("/dev/null", "r"));
		} catch {
			// That was the last one.
		}
		for (;;) {
			try {
				const host = new DirectoryHost(path ?? "");
				await host.commit(batch({ opened: "yes" }, "strict"));
				await host.close();
				say({ left: taken.length });
				return;
			} catch (error) {
				say(problem(error));
			}
			closeSync(taken.pop() as number);
		}
	},

	/** Reads all of a damaged directory, however often reading fails. */
	async salvage(path, rows) {
		const seen: Record<string, number> = {};
		const note = (name: string) => {
			seen[name] = (seen[name] ?? 0) + 1;
		};
		try {
			const host = new DirectoryHost(path ?? "");
			for (let row = 0; row < Number(rows); row += 1) {
				try {
					const [value] = host.get([numberKey(row)]);
					note(value === undefined ? "missing" : "read");
				} catch (error) {
					note(isStreamkitError(error) ? error.code : String(error));
				}
			}
			await host.close();
		} catch (error) {
			note(isStreamkitError(error) ? `opening: ${error.code}` : String(error));
		}
		say(seen);
	},

	/** Opens a store of which the lock file becomes a link to nothing meanwhile. */
	async unlock(path) {
		const lock = join(path ?? "", "lock.mdb");
		const { existsSync } = fs;
		const unlocking = (at: fs.PathLike) => {
			fs.rmSync(lock, { force: true });
			fs.symlinkSync("/nowhere/lock", lock);
			return existsSync(at);
		};
		await withFileSystem({ existsSync: unlocking }, async () => {
			try {
				await new DirectoryHost(path ?? "").close();
			} catch (error) {
				say(problem(error));
			}
		});
	},

	/** Says "changed" for each hint, and ends with the first. */
	async listen(path) {
		const host = new DirectoryHost(path ?? "");
		host.watch(() => {
			say("changed");
			void host.close().then(() => process.exit(0));
		});
		say("listening");
		setTimeout(() => process.exit(1), 10_000);
	},

	/** Watches and then has nothing to do. */
	async idle(path) {
		const host = new DirectoryHost(path ?? "");
		host.watch(() => {});
		await host.commit(batch({ idle: "yes" }));
		host.notify();
		host.notify();
		say("idle");
	},
};

const [task = "", ...args] = process.argv.slice(2);
await tasks[task]?.(...args);
