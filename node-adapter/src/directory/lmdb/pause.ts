const nobody = new Int32Array(new SharedArrayBuffer(4));

/** Holds this thread up: where LMDB is opened nothing can be awaited. */
export function pause(milliseconds: number): void {
	Atomics.wait(nobody, 0, 0, milliseconds);
}
