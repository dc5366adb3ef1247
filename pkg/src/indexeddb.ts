export { indexedDbHost } from "./hosts/indexeddb/host.js";
