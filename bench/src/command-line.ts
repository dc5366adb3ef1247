/** The value of an option that is a number, or what stands for it where it was not given. */
export function numberOption(name: string, text: string | undefined, otherwise: number): number {
	if (text === undefined) return otherwise;
	if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new Error(`--${name} must be a whole number above zero, not "${text}"`);
	return Number(text);
}

/** The value of an option that is a regular expression. */
export function patternOption(name: string, text: string | undefined): RegExp | undefined {
	if (text === undefined) return undefined;
	try {
		return new RegExp(text);
	} catch {
		throw new Error(`--${name} must be a regular expression, not "${text}"`);
	}
}

/** What `read` makes of the command line. Where it cannot, the process says why and how it is used, and ends with 2. */
export function commandLine<T>(usage: string, read: (args: string[]) => T): T {
	try {
		return read(process.argv.slice(2));
	} catch (error) {
		process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}\n`);
		process.exit(2);
	}
}
