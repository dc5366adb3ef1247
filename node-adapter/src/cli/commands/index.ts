import type { Command } from "commander";
import type { Context } from "../context.js";
import { addNs } from "../ns/ns.js";
import { addStream } from "../stream/stream.js";
import { addConsume } from "./consume.js";
import { addExport } from "./export.js";
import { addImport } from "./import.js";
import { addList } from "./list.js";
import { addMaintenance } from "./maintenance.js";
import { addPeek } from "./peek.js";
import { addProduce } from "./produce.js";
import { addPublish } from "./publish.js";
import { addStatus } from "./status.js";

/** Adds the commands of one group to the program. */
export type AddCommands = (program: Command, context: Context) => void;

/** In the order of the help. */
export const commands: readonly AddCommands[] = [
	addPublish,
	addProduce,
	addConsume,
	addPeek,
	addList,
	addStatus,
	addStream,
	addNs,
	addMaintenance,
	addExport,
	addImport,
];
