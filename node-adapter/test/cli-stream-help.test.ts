import assert from "node:assert/strict";
import { test } from "node:test";
import { done, failure } from "./cli-support.js";

const VERBS = ["append", "read", "create", "alter", "info", "ls", "trim", "delete"];
const GROUP_VERBS = [
	...["create", "join", "read", "ack", "nack", "touch", "leave", "pending", "info", "delete", "replay"],
];
const NS_VERBS = ["create", "list", "info", "delete"];

/** Every verb with its words. */
const ALL = [
	...VERBS.map((verb) => ["stream", verb]),
	...GROUP_VERBS.map((verb) => ["stream", "group", verb]),
	...NS_VERBS.map((verb) => ["ns", verb]),
];

test("every verb has help with its options and examples", async () => {
	await Promise.all(
		ALL.map(async (words) => {
			const text = await done([...words, "--help"]);
			const command = words.join(" ");
			assert.match(text, new RegExp(`^Usage: streamkit ${command}[| ]`), command);
			assert.match(text, new RegExp(`Examples?:\n  \\$ [^\\n]*streamkit ${command}`), command);
			assert.match(text, /--dir <path>/);
			assert.match(text, /--json/);
			if (words[0] === "stream") assert.match(text, /-n, --namespace <name>/, command);
		}),
	);
});

/** The text of an option, without its line breaks. */
function optionText(help: string, option: string): string {
	const lines = help.split("\n");
	const start = lines.findIndex((line) => line.trimStart().startsWith(option));
	assert.notEqual(start, -1, option);
	const rest = lines.slice(start + 1);
	const end = rest.findIndex((line) => !/^ {8}/.test(line));
	return [lines[start], ...rest.slice(0, end)].join(" ").replace(/\s+/g, " ");
}

test("what bounds or waits says its default", async () => {
	const cases: [words: string, option: string, text: string][] = [
		["consume", "-n, --limit", "also -l (default: 0)"],
		["spaces", "-n, --limit", "also -l (default: 0)"],
		["segments", "-n, --limit", "also -l (default: 0)"],
		["stream read", "-l, --limit", "(default: 10)"],
		["stream read", "-b, --block", "(default: do not wait)"],
		["stream ls", "-l, --limit", "(default: 0)"],
		["stream group read", "-l, --limit", "(default: 10)"],
		["stream group read", "-b, --block", "(default: do not wait)"],
		["stream group pending", "-l, --limit", "(default: 1000)"],
		["stream group replay", "-l, --limit", "(default: all)"],
	];
	await Promise.all(
		cases.map(async ([words, option, text]) => {
			const found = optionText(await done([...words.split(" "), "--help"]), option);
			assert.ok(found.includes(text), `${words}: ${found}`);
		}),
	);
});

test("what is not as one may think is said with the option", async () => {
	const zone = "without a zone a time is local, and a day alone is UTC";
	const cases: [words: string, option: string, text: string][] = [
		["consume", "--min-timestamp", zone],
		["produce", "--time-by", zone],
		["stream create", "-r, --retention <hours>", "or else by the next append, and can be read until then"],
		["stream alter", "-r, --retention <hours>", "or else by the next append, and can be read until then"],
		["stream group create", "--max-standbys", "mode exclusive: "],
		["stream group create", "--slots", "mode key_shared: "],
	];
	await Promise.all(
		cases.map(async ([words, option, text]) => {
			const found = optionText(await done([...words.split(" "), "--help"]), option);
			assert.ok(found.includes(text), `${words}: ${found}`);
		}),
	);
});

test("the command help takes a verb of a group as well, by any of its names", async () => {
	await Promise.all(
		[["publish"], ["stream", "read"], ["stream", "group", "ack"], ["ns", "create"]].map(async (words) => {
			assert.equal(await done(["help", ...words]), await done([...words, "--help"]));
		}),
	);
	assert.equal(await done(["help", "stream", "cg", "ack"]), await done(["help", "stream", "group", "ack"]));
	assert.equal(await done(["help"]), await done(["--help"]));
	assert.match((await failure(2, ["help", "stream", "frobnicate"])).message, /unknown command 'stream frobnicate'/);
});

test("the help of the groups of commands lists their verbs, and says what a namespace is", async () => {
	const [stream, group, ns] = await Promise.all(
		[["stream"], ["stream", "group"], ["ns"]].map((words) => done([...words, "--help"])),
	);
	for (const verb of VERBS) assert.match(stream ?? "", new RegExp(`^  ${verb}[| ]`, "m"));
	for (const verb of GROUP_VERBS) assert.match(group ?? "", new RegExp(`^  ${verb}[| ]`, "m"));
	for (const verb of NS_VERBS) assert.match(ns ?? "", new RegExp(`^  ${verb}[| ]`, "m"));
	for (const text of [stream, ns]) assert.match(text ?? "", /"default" is what commands work in without -n/);
});

test("a missing or an unknown verb is exit code 2", async () => {
	await Promise.all(
		[["stream"], ["ns"], ["stream", "group"]].map(async (words) => {
			assert.match((await failure(2, words)).message, /a command is missing/);
			assert.match((await failure(2, [...words, "frobnicate"])).message, /unknown command 'frobnicate'/);
		}),
	);
});

test("the group verbs name the argument that is missing or wrong", async () => {
	const cases: [string, RegExp][] = [
		["create", /missing required argument 'stream'/],
		["create s", /^--group: missing/],
		["create s g --group h", /^--group: "h" is not the group that the argument names/],
		["create s g --mode any", /Allowed choices are shared, exclusive, key_shared/],
		["create s g --ack-timeout soon", /^--ack-timeout:/],
		["create s g --max-deliver -1", /^--max-deliver:/],
		["create s g --consumer-timeout x", /^--consumer-timeout:/],
		["create s g --max-standbys x", /^--max-standbys:/],
		["create s g --slots x", /^--slots:/],
		["create s g --max-standbys 0", /^--max-standbys: needs --mode exclusive$/],
		["create s g --mode key_shared --max-standbys 0", /^--max-standbys: needs --mode exclusive$/],
		["create s g --slots 16", /^--slots: needs --mode key_shared$/],
		["create s g --mode exclusive --slots 16", /^--slots: needs --mode key_shared$/],
		["create s --group --consumer", /^--group: must not begin with "-": give such a name as an argument, after --$/],
		["join s --group -c", /^--group: must not begin with "-"/],
		["join s g --consumer -x", /^--consumer: must not begin with "-"/],
		["pending s g --consumer --limit", /^--consumer: must not begin with "-"/],
		["join s g", /^--consumer: missing/],
		["join s g c --consumer d", /^--consumer: "d" is not the consumer/],
		["read s --group g", /^--consumer: missing/],
		["read s g c --limit 0", /^--limit: must be a whole number from 1 to 1000/],
		["read s g c --block x", /^--block:/],
		["ack s g c", /'--ids <ids>' not specified/],
		["ack s g c --ids ,", /^--ids: must be names separated by commas/],
		["nack s g c", /'--ids <ids>' not specified/],
		["nack s g c --ids 1-0 --delay x", /^--delay:/],
		["touch s g c --ids 1-0", /'--extend <ms>' not specified/],
		["touch s g c --ids 1-0 --extend 0", /^--extend: must be a whole number of at least 1/],
		["leave s g", /^--consumer: missing/],
		["pending s", /^--group: missing/],
		["pending s g --limit x", /^--limit:/],
		["info s", /^--group: missing/],
		["delete s", /^--group: missing/],
		["replay s", /^--group: missing/],
		["replay s g --limit 0", /^--limit:/],
	];
	await Promise.all(
		cases.map(async ([args, message]) => {
			const error = await failure(2, ["stream", "group", ...args.split(" ")]);
			assert.equal(error.code, "INVALID_ARGUMENT");
			assert.match(error.message, message, args);
		}),
	);
});

test("help of a group finds every command below it, and refuses what is none", async () => {
	const [whole, below, nested] = await Promise.all([
		done(["stream", "group", "read", "--help"]),
		done(["stream", "help", "group", "read"]),
		done(["stream", "group", "help", "read"]),
	]);
	assert.deepEqual([below, nested], [whole, whole]);
	for (const group of [["stream"], ["stream", "group"], ["ns"]]) {
		const { message } = await failure(2, [...group, "help", "nosuch"]);
		assert.equal(message, "command: unknown command 'nosuch'");
	}
});
