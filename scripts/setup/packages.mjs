import { step } from "../lib/console.mjs";
import { run } from "../lib/process.mjs";
import { contentHash, isFresh, make } from "../lib/stamp.mjs";

/** Installs what package-lock.json names, unless that is what is installed. */
export async function packages() {
	const hash = contentHash(["package-lock.json"]);
	// npm writes the second file itself and removes it with the folder.
	if (isFresh("packages", hash, ["node_modules", "node_modules/.package-lock.json"])) return;
	await step("Installing npm packages", "node_modules is missing or older than package-lock.json", () =>
		make("packages", hash, () => run("npm", ["ci", "--loglevel=error"])),
	);
}
