export { azureTableHost } from "./hosts/azure/host.js";
