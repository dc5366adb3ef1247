/** The file that says that a directory is ours. It is there before anything else and is never rewritten. */
export const MARKER_FILE = "streamkit.json";
/** What was written and is not in the database yet. */
export const JOURNAL_FILE = "journal";
/** The directory of the files of large values. */
export const VALUES_DIRECTORY = "values";
/** LMDB's data. */
export const DATA_FILE = "data.mdb";
/** LMDB's lock and table of readers. */
export const LOCK_FILE = "lock.mdb";
/** The file whose change tells other processes to look. What it holds means nothing. */
export const WAKE_FILE = "wake";
/** In a namespace: it was created, or written to. */
export const CREATED_FILE = "created";

/** Makes a name one of this process alone: of one that was killed a file may be left, and its number may come again. */
export function ownSuffix(): string {
	return `${process.pid}.${Math.random().toString(36).slice(2)}`;
}
