import type { Plugin } from "vite";

const policy = [
	"default-src 'none'",
	"script-src 'self' 'wasm-unsafe-eval'",
	"style-src 'self'",
	"img-src 'self'",
	"connect-src 'self'",
	"manifest-src 'self'",
	"worker-src 'self'",
	"base-uri 'none'",
	"form-action 'none'",
].join("; ");

/** Lets the built page load nothing from anywhere else. Not while developing: Vite puts styles into the page itself. */
export function contentPolicy(): Plugin {
	return {
		name: "content-policy",
		apply: "build",
		transformIndexHtml: () => [
			{
				tag: "meta",
				attrs: { "http-equiv": "content-security-policy", content: policy },
				injectTo: "head-prepend",
			},
		],
	};
}
