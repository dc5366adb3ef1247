/** True when `name` was last made from `hash` and its outputs are still there. */
export function isFresh(name: string, hash: string, outputs: readonly string[]): boolean;

/** Makes `name` from `hash`; until that has succeeded it counts as made from nothing. */
export function make(name: string, hash: string, work: () => unknown): Promise<void>;
