// The hosts of Cloudflare's platform: import { durableObjectHost, workersKvHost } from "streamkit/cloudflare".

export { type DurableObjectOptions, durableObjectHost } from "./hosts/cloudflare/durable-object.js";
export { type WorkersKvOptions, workersKvHost } from "./hosts/cloudflare/workers-kv.js";
