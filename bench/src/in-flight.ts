/**
 * Calls `each` with 0 to `count` - 1, so many in flight at any time: each by a caller of its own that awaits its own
 * answer before it calls again. All answers, in the order of the numbers.
 */
export async function inFlight<T>(count: number, callers: number, each: (index: number) => Promise<T>): Promise<T[]> {
	const answers: T[] = new Array(count);
	let next = 0;
	async function caller(): Promise<void> {
		while (next < count) {
			const index = next++;
			answers[index] = await each(index);
		}
	}
	await Promise.all(Array.from({ length: Math.min(callers, count) }, caller));
	return answers;
}
