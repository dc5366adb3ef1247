import type { Env, State } from "./platform.js";

/** What an object is asked to do; its answer goes back as JSON. */
export type Scenario = (state: State, env: Env, input: unknown) => Promise<unknown>;

export const scenarios: Record<string, Scenario> = {};
