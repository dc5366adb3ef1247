import { refused, same } from "../streams/assert.js";
import { type Case, withStore } from "../streams/harness.js";
import { withGroup } from "./harness.js";

/** Bad input: refused by name, and nothing is stored. */
export function argumentCases(test: Case): void {
	test("names", (factory) =>
		withStore(factory.open(), async ({ streams }) => {
			const bad = (run: () => unknown, message: RegExp) => refused("INVALID_ARGUMENT", (async () => run())(), message);
			await bad(() => streams.group("", "g"), /^stream: /);
			await bad(() => streams.group("s", "a\nb"), /^group: /);
			await bad(() => streams.group("s", 7 as never), /^group: /);
			const group = streams.group("s", "g");
			for (const consumer of ["", "\u0000", "x".repeat(129), "\ud800", 3 as never]) {
				await bad(() => group.join(consumer), /^consumer: /);
				await bad(() => group.leave(consumer), /^consumer: /);
				await bad(() => group.read(consumer), /^consumer: /);
				await bad(() => group.ack(consumer, ["1-0"]), /^consumer: /);
				await bad(() => group.pending({ consumer }), /^consumer: /);
			}
			await refused("NOT_FOUND", group.info());
		}));

	test("options of create", (factory) =>
		withGroup(factory, async ({ group, store: { streams } }) => {
			const bad = (options: unknown, message: RegExp) =>
				refused("INVALID_ARGUMENT", group.create(options as never), message);
			await bad({ mode: "all" }, /^mode: /);
			for (const start of ["", "x", "1-", "01-0", 5, null]) await bad({ start }, /^start: /);
			for (const value of [-1, 0.5, Number.NaN, "1", 2 ** 48]) {
				await bad({ ackTimeout: value }, /^ackTimeout: /);
				await bad({ consumerTimeout: value }, /^consumerTimeout: /);
			}
			await bad({ consumerTimeout: 0 }, /^consumerTimeout: /);
			for (const value of [-1, 0.5, "1", 2 ** 53]) {
				await bad({ maxDeliver: value }, /^maxDeliver: /);
				await bad({ maxStandbys: value }, /^maxStandbys: /);
			}
			for (const slots of [0, 4097, 1.5]) await bad({ slots }, /^slots: /);
			await bad({ deadLetterStream: "" }, /^deadLetterStream: /);
			await bad({ deadLetterStream: "s" }, /^deadLetterStream: /);
			await bad({ signal: {} }, /^signal: /);
			await bad(7, /^options: /);
			await refused(
				"INVALID_ARGUMENT",
				streams.group("x".repeat(120), "group").create(),
				/^deadLetterStream: must be given/,
			);
			await streams.group("x".repeat(120), "group").create({ deadLetterStream: "short" });
			await refused("NOT_FOUND", group.info());
		}));

	test("options of the other calls", (factory) =>
		withGroup(factory, async ({ group, store: { streams } }) => {
			const bad = (run: Promise<unknown>, message: RegExp) => refused("INVALID_ARGUMENT", run, message);
			for (const limit of [0, 1001, 1.5, "1" as never]) await bad(group.read("a", { limit }), /^limit: /);
			for (const block of [-1, Number.NaN, "1" as never]) await bad(group.read("a", { block }), /^block: /);
			await bad(group.read("a", { noAck: 1 as never }), /^noAck: /);
			await refused("NOT_FOUND", group.info());
			await group.create();
			for (const ids of ["1-0", undefined]) await bad(group.ack("a", ids as never), /^ids: /);
			same(
				await Promise.all([group.ack("a", []), group.nack("a", []), group.touch("a", [], { extend: 1 })]),
				[0, 0, 0],
			);
			for (const id of ["", "1", "1-", "-1", "1-01", 5, null, "$"]) {
				await bad(group.ack("a", ["1-0", id as never]), /^ids\[1\]: /);
				await bad(group.nack("a", ["1-0", id as never]), /^ids\[1\]: /);
				await bad(group.touch("a", ["1-0", id as never], { extend: 1 }), /^ids\[1\]: /);
			}
			const many = Array.from({ length: 1001 }, (_, n) => `1-${n}`);
			const error = await refused("LIMIT_EXCEEDED", group.ack("a", many));
			same(error.details, { what: "ids", limit: 1000, actual: 1001 });
			same(await group.ack("a", many.slice(1)), 0);
			for (const delay of [-1, 0.5, 2 ** 48]) await bad(group.nack("a", ["1-0"], { delay }), /^delay: /);
			for (const extend of [-1, 0.5, undefined]) {
				await bad(group.touch("a", ["1-0"], { extend: extend as never }), /^extend: /);
			}
			await bad(group.touch("a", ["1-0"], undefined as never), /^options: /);
			for (const limit of [0, 1001]) await bad(group.pending({ limit }), /^limit: /);
			await bad(group.pending({ after: "1" }), /^after: /);
			await bad(group.replay({ limit: 0 }), /^limit: /);
			await refused("NOT_FOUND", streams.info("s"));
		}));
}
