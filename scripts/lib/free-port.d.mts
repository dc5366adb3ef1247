/** A port that nobody listens on. Another process may take it before whoever asked does. */
export function freePort(): Promise<number>;
