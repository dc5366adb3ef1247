import { cutOff } from "./cut-off.js";
import { limits } from "./limits.js";
import { append, everything, instances, wiped } from "./object-store.js";
import type { Env, State } from "./platform.js";
import { staleReaders, tooEarly } from "./stale.js";

/** What an object is asked to do; its answer goes back as JSON. */
export type Scenario = (state: State, env: Env, input: unknown) => Promise<unknown>;

export const scenarios: Record<string, Scenario> = {
	append,
	everything,
	instances,
	wiped,
	limits,
	cutOff,
	staleReaders,
	tooEarly,
	abort: async (state) => state.abort("the test ends this object"),
};
