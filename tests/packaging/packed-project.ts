// What a user gets: the packages as npm would publish them, installed into a project of their own.

import { execFile } from "node:child_process";
import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const execute = promisify(execFile);
/** The repository's folder. */
export const repository = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

export interface Packed {
	readonly name: string;
	readonly tarball: string;
	/** Paths inside the package. */
	readonly files: readonly string[];
}

interface PackReport {
	readonly name: string;
	readonly filename: string;
	readonly files: readonly { readonly path: string }[];
}

/** Runs a program and gives what it printed; a failure carries all of its output. */
export async function runIn(folder: string, command: string, ...args: string[]): Promise<string> {
	try {
		const { stdout } = await execute(command, args, { cwd: folder, maxBuffer: 1 << 26 });
		return stdout;
	} catch (error) {
		const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
		throw new Error(`${command} ${args.join(" ")} failed\n${stdout}\n${stderr}`, { cause: error });
	}
}

/** The path of a program that the repository's own packages bring. */
export const program = (name: string): string => join(repository, "node_modules", ".bin", name);

export async function temporaryFolder(): Promise<string> {
	return realpath(await mkdtemp(join(tmpdir(), "streamkit-packaging-")));
}

export async function pack(folder: "pkg" | "node-adapter", into: string): Promise<Packed> {
	const printed = await runIn(
		join(repository, folder),
		"npm",
		"pack",
		"--json",
		"--ignore-scripts",
		"--pack-destination",
		into,
	);
	// npm 11 prints a list, newer ones an object by name.
	const parsed: PackReport[] | Record<string, PackReport> = JSON.parse(printed);
	const [report] = Object.values(parsed);
	if (report === undefined) throw new Error(`npm pack said nothing about ${folder}`);
	return { name: report.name, tarball: join(into, report.filename), files: report.files.map(({ path }) => path) };
}

export class Project {
	readonly folder: string;

	private constructor(folder: string) {
		this.folder = folder;
	}

	static async create(folder: string, packages: readonly Packed[]): Promise<Project> {
		const project = new Project(folder);
		await project.write("package.json", JSON.stringify({ name: "user", private: true }));
		const tarballs = packages.map(({ tarball }) => tarball);
		await runIn(
			folder,
			"npm",
			"install",
			"--no-audit",
			"--no-fund",
			"--prefer-offline",
			"--loglevel=error",
			...tarballs,
		);
		return project;
	}

	async write(path: string, text: string): Promise<void> {
		await mkdir(dirname(join(this.folder, path)), { recursive: true });
		await writeFile(join(this.folder, path), text);
	}

	/** Writes a file and runs it with Node; gives what it printed. */
	async run(path: string, text: string, ...nodeOptions: string[]): Promise<string> {
		await this.write(path, text);
		return (await runIn(this.folder, process.execPath, ...nodeOptions, path)).trim();
	}

	remove(): Promise<void> {
		return rm(this.folder, { recursive: true, force: true });
	}
}
