import type { Command } from "commander";
import type { Context } from "../context.js";
import { ExitCode } from "../exit-codes.js";
import { knownSpaces } from "../known-spaces.js";
import { namespaceOption } from "../ns/namespace-option.js";
import { progressBar } from "../progress.js";
import { count, counted, printable, size } from "../terminal.js";

export function addMaintenance(program: Command, context: Context): void {
	program
		.command("health")
		.summary("print what the store runs on and what it cannot promise")
		.description("Prints what the store runs on, its limits, its size on the disk, and warnings.")
		.addHelpText("after", "\nExample:\n  $ streamkit health --json | jq .warnings")
		.action(() =>
			context.reading(async (store) => {
				const health = await store.health();
				const { directory } = context;
				await context.print({ directory, id: store.id, ...health, records: store.limits }, () => {
					const lines = [
						`directory   ${directory}`,
						`store       ${store.id}`,
						`host        ${health.host}, durability ${health.durability}`,
						...(health.usage === undefined ? [] : [`on disk     ${size(health.usage)}`]),
						`record      at most ${size(store.limits.maxRecordBytes)}`,
						`commit      at most ${size(store.limits.maxCommitBytes)}, ${count(store.limits.maxCommitRecords)} records`,
						`unfinished  ${counted(health.pendingTransactions, "transaction", "transactions")}`,
						...health.warnings.map((warning) => context.colors.yellow(`warning: ${warning}`)),
					];
					return lines.join("\n");
				});
			}),
		);

	namespaceOption(program.command("compact"), context)
		.summary("merge small blocks")
		.description(
			"Merges small blocks of one namespace and compresses them, and removes what is left of trimmed and deleted " +
				"records. Readers and writers can go on meanwhile.",
		)
		.option("--space <name>", "only this space")
		.addHelpText("after", "\nExamples:\n  $ streamkit compact\n  $ streamkit compact --space orders -n staging")
		.action(({ space }: { space?: string }) =>
			context.reading(async (store) => {
				if (space !== undefined) await knownSpaces(store, "--space", [space], context.signal);
				const bar = progressBar(context.err, context.json, "compacting", 0, "entries");
				const onProgress = ({ done, total }: { done: number; total: number | undefined }): void =>
					bar.update(done, total);
				const report = await store.compact({ space, onProgress, signal: context.signal }).finally(() => bar.stop());
				const { blocksBefore, blocksAfter, bytesBefore, bytesAfter } = report;
				await context.print(
					report,
					() =>
						`${counted(blocksBefore, "block", "blocks")} of ${size(bytesBefore)} before, ` +
						`${counted(blocksAfter, "block", "blocks")} of ${size(bytesAfter)} after`,
				);
				await context.noteOtherNamespaces();
			}),
		);

	namespaceOption(program.command("verify"), context)
		.summary("read everything back and check it")
		.description(
			"Reads everything in one namespace back: checksums, order, cross-references, counts. " +
				"Exits with 3 when it finds problems.",
		)
		.addHelpText("after", "\nExample:\n  $ streamkit verify --json | jq '.problems[]'")
		.action(() =>
			context.reading(async (store) => {
				const bar = progressBar(context.err, context.json, "verifying", 0, "entries");
				const onProgress = ({ done, total }: { done: number; total: number | undefined }): void =>
					bar.update(done, total);
				const report = await store.verify({ onProgress, signal: context.signal }).finally(() => bar.stop());
				const { entries, segments, spaces, problems } = report;
				if (problems.length > 0) context.exitCode = ExitCode.refused;
				await context.print(report, () => {
					const { red, green } = context.colors;
					const what = [
						counted(entries, "entry", "entries"),
						counted(segments, "segment", "segments"),
						counted(spaces, "space", "spaces"),
					].join(", ");
					const verdict = problems.length === 0 ? green("ok") : red(counted(problems.length, "problem", "problems"));
					const lines = problems.map(({ code, message, key }) => `${red(code)} ${printable(message)} (key ${key})`);
					return [`${verdict}: ${what}`, ...lines].join("\n");
				});
				await context.noteOtherNamespaces();
			}),
		);
}
