export { levelHost } from "./hosts/level.js";
