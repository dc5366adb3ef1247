import type { Case } from "../case.js";

/** Streams on a host. Cases about trimming belong here: exact bounds, dry runs, and pages read across a trim bound. */
export const streamCases: readonly Case[] = [];
