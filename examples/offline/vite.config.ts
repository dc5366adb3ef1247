import { defineConfig } from "vite";
import { contentPolicy } from "./build/content-policy.js";
import { precache } from "./build/precache.js";

export default defineConfig({
	// Relative addresses: the built page works in any folder of any server.
	base: "./",
	build: {
		target: "es2022",
		rolldownOptions: {
			input: { index: "index.html", "service-worker": "service-worker/service-worker.ts" },
			output: {
				// A service worker keeps its address for ever; everything else is named by its content.
				entryFileNames: ({ name }) => (name === "service-worker" ? "[name].js" : "assets/[name]-[hash].js"),
			},
		},
	},
	// The engine is looked for beside the module that loads it, so that module has to stay where it is.
	optimizeDeps: { exclude: ["streamkit"] },
	plugins: [contentPolicy(), precache()],
});
