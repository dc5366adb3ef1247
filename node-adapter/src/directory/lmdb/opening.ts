import { type Handle, nativeAddon } from "./addon.js";
import { pause } from "./pause.js";
import { WayIn } from "./way-in.js";

// The environment's readers share one table in the lock file, 64 bytes for each thread of each process.
const MAX_READERS = 2048;
/** What the package begins with; the map grows with the file. */
const FIRST_MAP_BYTES = 0x20000;

const WRITING = 0;
const TRIES = 50;
const LONGEST_PAUSE_MILLISECONDS = 10;

/** What an environment is opened with, whoever opens it first in this process. */
export function optionsFor(directory: string) {
	return {
		path: directory,
		noSubdir: false,
		// The plain commit of LMDB: its pages are flushed, then the header that names them.
		overlappingSync: false,
		maxReaders: MAX_READERS,
		maxDbs: 1,
	};
}

/**
 * A handle of an environment in which transactions can begin. The last process that closes one destroys the locks in the
 * lock file; whoever waits to open it at that moment finds them so, takes them for sound, and hinders everybody who
 * comes later from making them anew. So that is tried out, and such a handle is let go.
 */
export function openSoundly(directory: string): Handle {
	const options = { ...optionsFor(directory), mapSize: FIRST_MAP_BYTES, keyBytes: Buffer.alloc(8) };
	for (let tries = 1; ; tries++) {
		const handle = new nativeAddon.Env();
		handle.open(options, 0, 0);
		try {
			new nativeAddon.Txn(handle, WRITING).abort();
			return handle;
		} catch (error) {
			handle.close();
			if (tries === TRIES) throw error;
		}
		// At random: two that let go and open again in step would meet each other's locks for ever.
		pause(Math.random() * LONGEST_PAUSE_MILLISECONDS);
	}
}

/** Makes LMDB's files in a directory, where they are missing, without opening them for long. */
export function makeFiles(directory: string): void {
	const way = new WayIn(directory);
	try {
		openSoundly(way.path).close();
	} finally {
		way.close();
	}
}
