import { createRequire } from "node:module";
import { Command } from "commander";
import { commands } from "./commands/index.js";
import { type Context, DEFAULT_DIRECTORY } from "./context.js";
import { EXIT_CODES_HELP } from "./exit-codes.js";
import { usage } from "./usage.js";

function version(): string {
	const require = createRequire(import.meta.url);
	return (require("@streamkit/node/package.json") as { version: string }).version;
}

/** The command line: all commands of all groups. */
export function createProgram(context: Context): Command {
	const program = new Command("streamkit")
		.description("Ordered event streams in a directory: publish, read, follow, check and move them.")
		.version(version(), "-V, --version", "print the version")
		.option("-d, --dir <path>", `directory of the store (default: $STREAMKIT_DIR, else ./${DEFAULT_DIRECTORY})`)
		.option("-j, --json", "output for programs: JSON, one object per line; errors as JSON on standard error")
		.helpOption("-h, --help", "print help")
		.configureHelp({ showGlobalOptions: true })
		.configureOutput({
			// Errors are printed in one place, as text or as JSON.
			outputError: () => {},
			// Of errors as JSON, help is no part.
			writeErr: (text) => {
				if (!context.json) process.stderr.write(text);
			},
		})
		.exitOverride()
		.addHelpText(
			"after",
			`${EXIT_CODES_HELP}

Examples:
  $ streamkit publish orders order-1 '{"status":"placed"}' --metadata user=ann
  $ streamkit produce logs --file app.ndjson --segment-by host
  $ streamkit consume orders --follow
  $ streamkit export backup.streamkit && streamkit import backup.streamkit --dir copy`,
		);
	program.on("option:json", () => {
		context.json = true;
	});
	program.hook("preAction", (_, command) => context.configure(program.opts(), command));
	for (const add of commands) add(program, context);
	addHelp(program);
	return program;
}

/** Of the program and of each group in it: commander's own takes one word, and says nothing of one that it lacks. */
function addHelp(group: Command): void {
	for (const command of group.commands) if (command.commands.length > 0) addHelp(command);
	group
		.helpCommand(false)
		.command("help")
		.summary("print help for a command")
		.description("Prints help for a command.")
		.argument("[command...]", "the command, such as: publish, or: stream read")
		.action((words: readonly string[]) => {
			let command = group;
			for (const word of words) {
				const next = command.commands.find((one) => one.name() === word || one.aliases().includes(word));
				if (next === undefined) throw usage("command", `unknown command '${words.join(" ")}'`);
				command = next;
			}
			command.outputHelp();
		});
}
