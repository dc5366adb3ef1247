import { altered, type Broken } from "./broken.js";

export const hints: readonly Broken[] = [
	{
		what: "watching cannot be stopped",
		make: (inner) =>
			altered(inner, {
				watch: (changed) => {
					inner.watch?.(changed);
					return () => {};
				},
			}),
		fails: ["host: a hint arrives at another instance, until it stops watching"],
	},
	{
		what: "a function that watches twice is stopped at once",
		make: (inner) => {
			const stops = new Map<() => void, (() => void) | undefined>();
			return altered(inner, {
				watch: (changed) => {
					if (!stops.has(changed)) stops.set(changed, inner.watch?.(changed));
					return () => {
						stops.get(changed)?.();
						stops.delete(changed);
					};
				},
			});
		},
		fails: ["host: a function that watches twice is stopped once"],
	},
	{
		what: "a commit calls its own watchers back",
		make: (inner) => {
			const watchers = new Set<() => void>();
			return altered(inner, {
				watch: (changed) => {
					watchers.add(changed);
					return () => watchers.delete(changed);
				},
				commit: (batch) => {
					for (const changed of watchers) changed();
					return inner.commit(batch);
				},
			});
		},
		fails: ["host: no hint arrives from within a call"],
	},
	{
		what: "watching gives nothing to stop it with",
		make: (inner) => altered(inner, { watch: () => undefined as never }),
		fails: ["host: watching can be started and stopped, also twice"],
	},
];
