import { directoryStores, under } from "../streams/stores.js";
import { groupCases } from "./cases.js";

groupCases(under("directory"), directoryStores());
