import { registerWasm } from "../engine/register.js";
import { compileInline } from "./inline-module.js";

registerWasm(compileInline);

export * from "../index.js";
