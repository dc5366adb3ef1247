import { streamCases } from "./cases.js";
import { memoryStores, under } from "./stores.js";

streamCases(under("memory"), memoryStores());
