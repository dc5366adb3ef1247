import { streamCases } from "./cases.js";
import { directoryStores, under } from "./stores.js";

streamCases(under("directory"), directoryStores());
