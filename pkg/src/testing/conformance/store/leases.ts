import type { Lease } from "../../../types.js";
import { manualClock } from "../../clock.js";
import { assert, equal, refuses } from "../assert.js";
import { type Case, needsChecks, needsSecond, needsWholeStore } from "../case.js";
import { lines, readSegment } from "./entries.js";

// Long enough to hold through a case on a slow machine.
const TTL = 120_000;

export const leaseCases: readonly Case[] = [
	{
		name: "a lease is exclusive, and its token grows",
		needs: [needsChecks],
		async run(setting) {
			const store = await setting.store();
			const tokens: number[] = [];
			for (let i = 0; i < 2; i++) {
				await store.withLease("key", TTL, async ({ key, fencingToken, signal }) => {
					equal([key, signal.aborted], ["key", false], "key and signal");
					tokens.push(fencingToken);
					await refuses("LEASE_NOT_ACQUIRED", () => store.withLease("key", TTL, () => {}), "a second holder");
					await store.withLease("other", TTL, () => {});
				});
			}
			const [first = 0, second = 0] = tokens;
			assert(first >= 1 && second > first, `the tokens ${tokens.join(" and ")} must grow`);
		},
	},
	{
		name: "a lease is exclusive between instances",
		needs: [needsChecks, needsSecond],
		async run(setting) {
			const [one, other] = [await setting.store(), await setting.store({}, await setting.second())];
			await one.withLease("key", TTL, async ({ fencingToken }) => {
				await refuses("LEASE_NOT_ACQUIRED", () => other.withLease("key", TTL, () => {}), "a second holder");
				return fencingToken;
			});
			await other.withLease("key", TTL, () => {});
		},
	},
	{
		name: "a write under a lease is fenced by its token",
		needs: [needsChecks, needsWholeStore],
		async run(setting) {
			const clock = manualClock();
			const store = await setting.store({ clock });
			let stale: Lease | undefined;
			await store.withLease("key", TTL, async (lease) => {
				stale = lease;
				await store.publish("s", "a", "held", { lease });
			});
			await store.withLease("key", TTL, async (lease) => {
				await refuses(
					"LEASE_LOST",
					() => store.publish("s", "a", "late", { lease: stale }),
					"a write of the last holder",
				);
				await store.publish("s", "a", "new", { lease });
			});
			equal(lines(await readSegment(store, "s", "a")), ["a/1=held", "a/2=new"], "entries");
		},
	},
	{
		name: "leases are refused where there are no checks",
		needs: [({ limits }) => (limits.checks ? "the host makes checks" : undefined)],
		async run(setting) {
			const store = await setting.store();
			await refuses("UNSUPPORTED", () => store.withLease("key", TTL, () => {}), "a lease");
		},
	},
];
