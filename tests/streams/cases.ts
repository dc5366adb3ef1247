import { appendCases } from "./append-cases.js";
import { allCases } from "./harness.js";
import { lifecycleCases } from "./lifecycle-cases.js";
import { partitionCases } from "./partition-cases.js";
import { readCases } from "./read-cases.js";
import { trimCases } from "./trim-cases.js";
import { waitCases } from "./wait-cases.js";

/** Every case of streams, for stores of one kind. Uses nothing but the package: it runs in browsers too. */
export const streamCases = allCases(appendCases, readCases, waitCases, trimCases, lifecycleCases, partitionCases);
