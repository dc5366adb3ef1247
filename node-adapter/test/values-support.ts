import { createHash } from "node:crypto";
import fs, {
	cpSync,
	existsSync,
	fstatSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	rmSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { JournaledEnvironment } from "../src/directory/journaled-environment.js";
import { type Bytes, bytes, text, withFileSystem } from "./support.js";

/** Bytes of the files of values in these tests: a few values. */
export const FILE_BYTES = 256 * 1024;
/** The least that is laid aside. */
export const LARGE = 16 * 1024;

/** What rows begin with that are not their value. */
export const MARK = Buffer.from("b19ed1f7c84e5a03", "hex");

export type Rows = Map<string, string>;

/** An environment whose files of values are small. What is put are texts; undefined deletes. */
export class SmallFiles {
	readonly environment: JournaledEnvironment;
	readonly path: string;

	/** Opens a directory; of one that is missing, the parent must be there. */
	constructor(path: string, fileBytes = FILE_BYTES) {
		this.path = path;
		mkdirSync(path, { recursive: true });
		this.environment = new JournaledEnvironment(path, Number.POSITIVE_INFINITY, fileBytes);
	}

	commit(changes: Record<string, string | undefined>, relaxed = true): void {
		const entries = Object.entries(changes);
		const deletes = entries.filter(([, value]) => value === undefined).map(([key]) => bytes(key));
		const puts = entries.flatMap(([key, value]) =>
			value === undefined ? [] : [{ key: bytes(key), value: bytes(value) }],
		);
		this.environment.write(() => this.environment.apply({ deletes, puts }, relaxed));
	}

	get(key: string): string | undefined {
		return text(this.environment.reading(() => this.environment.get(bytes(key))));
	}

	rows(reverse = false): Rows {
		const { environment } = this;
		const range = { start: new Uint8Array([0]), end: new Uint8Array([255]), reverse };
		return environment.reading(() => {
			const rows: [string, string][] = [];
			for (const { key, value } of environment.rows(range)) {
				const whole = environment.valueOf(value);
				if (environment.lengthOf(value) !== whole.length) throw new Error("another length");
				rows.push([text(key) ?? "", text(whole) ?? ""]);
			}
			return new Map(reverse ? rows.reverse() : rows);
		});
	}

	/** Takes all the steps of a sweep, if one is due. */
	sweep(): void {
		const steps = this.environment.sweeper.sweep();
		while (steps !== undefined && steps.next().done !== true);
	}
}

/** The files of values in a directory, by number. */
export function valueFiles(path: string): number[] {
	const values = join(path, "values");
	if (!existsSync(values)) return [];
	return readdirSync(values)
		.filter((name) => /^\d+$/.test(name))
		.map(Number)
		.sort((a, b) => a - b);
}

/** Rows as one text, to be compared. */
export function stateOf(rows: Rows): string {
	return JSON.stringify(
		[...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => [key, value.slice(0, 12), hash(value)]),
	);
}

function hash(value: string): string {
	return createHash("sha1").update(value).digest("base64");
}

/** Knows what of the files of values was brought to the disk, and makes copies of what power loss may leave. */
export class Disk {
	readonly #path: string;
	/** Bytes by inode. */
	readonly #flushed = new Map<number, number>();
	#names: ReadonlySet<string> = new Set();

	constructor(path: string) {
		this.#path = path;
	}

	/** Runs while it watches. */
	watching(run: () => Promise<void> | void): Promise<void> {
		const { fdatasyncSync, fsyncSync } = fs;
		return withFileSystem(
			{
				fdatasyncSync: (handle) => {
					fdatasyncSync(handle);
					const { ino, size } = fstatSync(handle);
					this.#flushed.set(ino, size);
				},
				fsyncSync: (handle) => {
					fsyncSync(handle);
					const values = join(this.#path, "values");
					if (!existsSync(values) || fstatSync(handle).ino !== statSync(values).ino) return;
					this.#names = new Set(readdirSync(values));
				},
			},
			run,
		);
	}

	/** A copy without the lock, and without some of what was not flushed; `random` in [0, 1). */
	copyAfterPowerLoss(to: string, random: () => number): void {
		cpSync(this.#path, to, { recursive: true });
		rmSync(join(to, "lock.mdb"));
		lose(join(to, "journal"), 0, random);
		for (const number of valueFiles(this.#path)) {
			const copy = join(to, "values", String(number));
			if (!this.#names.has(String(number)) && random() < 0.5) rmSync(copy);
			else lose(copy, this.#flushed.get(statSync(join(this.#path, "values", String(number))).ino) ?? 0, random);
		}
	}
}

/** Cuts a file, or fills it with zeros, somewhere behind what was flushed, or here and there; or leaves it. */
function lose(path: string, flushed: number, random: () => number): void {
	const whole = readFileSync(path);
	const at = Math.min(whole.length, flushed + Math.floor(random() * (whole.length - flushed + 1)));
	const kind = random();
	if (kind < 0.3) return;
	if (kind < 0.5) writeFileSync(path, whole.subarray(0, at));
	else writeFileSync(path, kind < 0.7 ? whole.fill(0, at) : withoutUnits(whole, flushed, random));
}

/** The least that a disk writes, or does not. */
const UNIT = 512;

function withoutUnits(bytes: Buffer, flushed: number, random: () => number): Buffer {
	const share = random() ** 4;
	for (let unit = Math.floor(flushed / UNIT) * UNIT; unit < bytes.length; unit += UNIT) {
		if (random() < share) bytes.fill(0, Math.max(unit, flushed), Math.min(unit + UNIT, bytes.length));
	}
	return bytes;
}

/** A text of so many bytes that begins with what it is, and goes on as a pad says. */
export function long(label: string, length: number, pad = "."): string {
	return label.padEnd(length, pad).slice(0, length);
}

export function marked(...rest: readonly number[]): Bytes {
	return new Uint8Array(Buffer.concat([MARK, Buffer.from(rest)]));
}
