export { directoryHost } from "./directory/host.js";
export { openDirectory } from "./directory/open-directory.js";
export { openNamespaces } from "./namespaces/namespaces.js";
