export interface Resolvers<T> {
	readonly promise: Promise<T>;
	readonly resolve: (value: T) => void;
}

/** As Promise.withResolvers, which Node 20 does not have: a promise that is kept when the test says so. */
export function withResolvers<T = void>(): Resolvers<T> {
	let resolve: (value: T) => void = () => {};
	const promise = new Promise<T>((kept) => {
		resolve = kept;
	});
	return { promise, resolve };
}
