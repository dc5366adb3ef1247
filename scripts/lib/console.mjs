// Plain lines: the same text in a terminal, a pipe and a CI log, with colour only where it is wanted.

const colours =
	process.env.FORCE_COLOR !== undefined
		? process.env.FORCE_COLOR !== "0"
		: process.stdout.isTTY === true && process.env.NO_COLOR === undefined;

const paint = (code) => (text) => (colours ? `\u001b[${code}m${text}\u001b[0m` : text);
export const bold = paint("1");
export const dim = paint("2");
export const red = paint("31");
export const green = paint("32");
export const yellow = paint("33");

/** "0.4 s", "2 min 05 s". */
export function duration(milliseconds) {
	const seconds = milliseconds / 1000;
	if (seconds < 60) return `${seconds.toFixed(1)} s`;
	const whole = Math.round(seconds);
	return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
}

export const say = (text) => console.log(text);
export const note = (text) => console.log(dim(`  ${text}`));

/** Says what is being done and why, does it, and says how long it took. */
export async function step(title, why, work) {
	say(`${bold(title)}${why ? dim(` (${why})`) : ""}`);
	const start = Date.now();
	const result = await work();
	note(`done in ${duration(Date.now() - start)}`);
	return result;
}

/** A failure that the reader can act on: printed as it is, without a stack. */
export class Problem extends Error {}

/** Runs a script's main function; a Problem is one red line, anything else shows its stack. */
export async function main(work) {
	try {
		await work();
	} catch (error) {
		console.error(red(error instanceof Problem ? `error: ${error.message}` : (error?.stack ?? String(error))));
		process.exitCode = 1;
	}
}
