// A process that writes until it has had so many records acknowledged.
//   writer.ts URL TABLE NAME COUNT expected|any

import { isStreamkitError, openStore } from "streamkit";
import { azureTableHost } from "streamkit/azure";
import { clientFor } from "./azurite.js";

const [url = "", table = "", name = "", count = "0", how = "any"] = process.argv.slice(2);
const store = await openStore(azureTableHost(clientFor(url, table)), { autoCompact: false });
let last = 0;
for (let n = 1; n <= Number(count); ) {
	try {
		const options = how === "expected" ? { expectedSequence: last } : {};
		last = (await store.publish("space", "segment", `${name} ${n}`, options)).lastSequence;
		console.log(`${last} ${name} ${n}`);
		n++;
	} catch (error) {
		if (isStreamkitError(error, "SEQUENCE_MISMATCH")) last = (error.details["actual"] as number) - 1;
		// Too many races lost: nothing was stored, and the next try is as good as this one.
		else if (!isStreamkitError(error, "CONFLICT")) throw error;
	}
}
await store.close();
