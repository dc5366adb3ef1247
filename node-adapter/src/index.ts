export { directoryHost } from "./directory-host.js";
export { openNamespaces } from "./namespaces.js";
export { openDirectory } from "./open-directory.js";
