// event-storage 0.8.0 has no declarations of its own: what is used of it.
declare module "event-storage" {
	import type { EventEmitter } from "node:events";

	interface EventStreamOf<T> extends Iterable<T> {
		readonly version: number;
	}

	class EventStore extends EventEmitter {
		constructor(name: string, config: { storageDirectory: string; storageConfig?: { syncOnFlush?: boolean } });
		readonly length: number;
		commit(stream: string, events: object | readonly object[], callback: () => void): void;
		getEventStream<T>(stream: string): EventStreamOf<T> | false;
		close(): void;
	}

	// A CommonJS module whose exports are one class.
	export default EventStore;
}
