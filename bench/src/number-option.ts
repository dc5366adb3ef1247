/** The value of an option that is a number, or what stands for it where it was not given. */
export function numberOption(name: string, text: string | undefined, otherwise: number): number {
	if (text === undefined) return otherwise;
	if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new Error(`--${name} must be a whole number above zero, not "${text}"`);
	return Number(text);
}
