/** Calls that wait for the same: they go on in the order in which they came. */
export class Line {
	#last: Promise<unknown> = Promise.resolve();
	#length = 0;

	/** Whether nobody waits. */
	get isEmpty(): boolean {
		return this.#length === 0;
	}

	/** Goes on once it is there and everybody before has; `wait` waits for it, and fails where it never comes. */
	pass<T>(isThere: () => boolean, wait: () => Promise<unknown>, go: () => T | Promise<T>): Promise<T> {
		const before = this.#last;
		this.#length++;
		return new Promise((resolve, reject) => {
			const take = async (): Promise<void> => {
				try {
					// Not one after the other: what fails, or is aborted, need not wait for its turn.
					await wait();
					await before;
					while (!isThere()) await wait();
					resolve(go());
				} catch (error) {
					reject(error);
				} finally {
					this.#length--;
				}
			};
			this.#last = take().then(() => before);
		});
	}
}
