import { durableObject } from "./durable-object.js";
import type { Row } from "./row.js";

/** All rows, in the order of the table: the edge, then the cloud. */
export const rows: readonly Row[] = [durableObject];
