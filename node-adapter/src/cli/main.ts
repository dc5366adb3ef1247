import { CommanderError } from "commander";
import type { StreamkitError } from "streamkit";
import { mayHaveRemarked } from "../directory/lmdb/environment.js";
import { checkArguments } from "./arguments.js";
import { Context } from "./context.js";
import { type Described, describeError, ExitCode, exitCodeOf } from "./exit-codes.js";
import { abortOnSignals, endBySignal, Interrupted, OutputClosed } from "./interrupt.js";
import { isOpening } from "./open-file.js";
import { inOptionNames } from "./option-names.js";
import { createProgram } from "./program.js";
import { printable } from "./terminal.js";
import { usage } from "./usage.js";

/** Runs the program and ends the process with its exit code. */
export async function main(args: readonly string[]): Promise<void> {
	const controller = new AbortController();
	const context = new Context(controller);
	abortOnSignals(controller);
	let code: number;
	try {
		await run(context, args);
		code = context.exitCode;
	} catch (error) {
		code = await end(context, error);
	}
	await context.err.flush().catch(() => {});
	const { reason } = controller.signal;
	if (isOpening() && reason instanceof Interrupted) endBySignal(reason.signal);
	// Not by itself: standard input may still be open.
	else process.exit(code);
}

async function run(context: Context, args: readonly string[]): Promise<void> {
	try {
		const program = createProgram(context);
		program.hook("preAction", () => checkArguments(args));
		await program.parseAsync(args, { from: "user" });
	} finally {
		// Help is printed by commander, which does not look at what becomes of it.
		await context.out.flush();
	}
}

/** The exit code for what ended the program, having said what it was. */
async function end(context: Context, error: unknown): Promise<number> {
	// Whatever failed after that is a consequence of it.
	const cause = context.signal.aborted ? context.signal.reason : error;
	if (cause instanceof OutputClosed) return context.wholeOnly ? ExitCode.outputCut : ExitCode.done;
	if (cause instanceof Interrupted) {
		return context.endless && cause.signal === "SIGINT" ? ExitCode.done : cause.exitCode;
	}
	if (cause instanceof CommanderError) {
		if (cause.exitCode === 0) return ExitCode.done;
		// Without a command people got the help already.
		if (cause.code === "commander.help" && !context.json) return ExitCode.usage;
		return report(context, fromCommander(cause));
	}
	return report(context, cause);
}

function fromCommander(error: CommanderError): StreamkitError {
	// What it takes a mistyped word for is on a line of its own; ours are one line.
	const said = error.message.replace(/^error: /, "").replace(/\s*\n\s*/g, " ");
	const text = error.code === "commander.help" ? "a command is missing" : said;
	const [, argument = "command line"] = /(?:option|argument) '([^']+)'/.exec(text) ?? [];
	// Of "-m, --mode <mode>", what other messages call it.
	const [name = argument] = /--[\w-]+/.exec(argument) ?? [];
	return usage(name, text, { reason: error.code });
}

/** What to do, on a line of its own, where the message alone does not say. */
function hintOf(context: Context, code: number, { code: name, details }: Described): string {
	if (code === ExitCode.usage) return "\nSee streamkit --help, or streamkit help COMMAND.";
	// A file that is imported has no keys, and of one that LMDB cannot open it is the path.
	const key = String(details["key"] ?? "");
	if (name !== "CORRUPT" || !/^([0-9a-f]{2})+$/.test(key) || context.command?.name() === "verify") return "";
	return `\nIt is the row ${key}. streamkit verify lists all that is damaged.`;
}

async function report(context: Context, error: unknown): Promise<number> {
	const code = exitCodeOf(error);
	const described = inOptionNames(describeError(error), context.command);
	const red = context.errorColors.red;
	const stack = code === ExitCode.fault && error instanceof Error ? `\n${error.stack}` : "";
	const hint = hintOf(context, code, described);
	const text = context.json
		? JSON.stringify(described)
		: `${red("error:")} ${printable(described.message)} ${context.errorColors.dim(`(${described.code})`)}${stack}${hint}`;
	// LMDB's remark has no line's end: ours is a line of its own.
	const lead = mayHaveRemarked() ? "\n" : "";
	await context.err.write(`${lead}${text}\n`).catch(() => {});
	return code;
}
