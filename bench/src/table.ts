/** A number with what it counts. */
export interface Figure {
	readonly name: string;
	readonly value: number;
	readonly unit: Unit;
}

export type Unit = "events/s" | "ms" | "MiB" | "KiB" | "disk bytes per byte" | "ns" | "rows" | "requests";

/** What the ratio of ours to the other must be. */
export interface Bar {
	readonly is: "at least" | "at most";
	readonly ratio: number;
}

/** One line of the table: ours, beside another one where there is one. */
export interface Line {
	readonly title: string;
	readonly ours: Figure;
	readonly other?: Figure;
	readonly bar?: Bar;
}

const WIDTHS = [68, 14, 38, 14, 8, 8] as const;
const SUFFIX: Record<Unit, string> = {
	"events/s": "/s",
	ms: " ms",
	MiB: " MiB",
	KiB: " KiB",
	"disk bytes per byte": " B/B",
	ns: " ns",
	rows: " rows",
	requests: "",
};

function text(figure: Figure): string {
	const { value, unit } = figure;
	const digits = unit === "events/s" ? 0 : unit === "disk bytes per byte" ? 3 : 1;
	return `${value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })}${SUFFIX[unit]}`;
}

function cells(values: readonly string[]): string {
	return values
		.map((value, index) => {
			const width = WIDTHS[index] ?? 0;
			return index === 1 || index === 3 || index === 4 ? value.padStart(width) : value.padEnd(width);
		})
		.join("  ")
		.trimEnd();
}

/** Ours divided by the other. */
export function ratioOf({ ours, other }: Line): number | undefined {
	return other === undefined ? undefined : ours.value / other.value;
}

/** Whether the bar is met; undefined where there is none. */
export function isMet(line: Line): boolean | undefined {
	const ratio = ratioOf(line);
	if (line.bar === undefined || ratio === undefined) return undefined;
	return line.bar.is === "at least" ? ratio >= line.bar.ratio : ratio <= line.bar.ratio;
}

/** The lines above the first row. */
export function header(): string {
	const names = cells(["", "ours", "against", "", "ratio", "bar", ""]);
	return `${names}\n${"-".repeat(WIDTHS.reduce((sum, width) => sum + width + 2, 6))}`;
}

/** One row of the table. */
export function render(line: Line): string {
	const ratio = ratioOf(line);
	const met = isMet(line);
	return cells([
		line.title,
		text(line.ours),
		line.other?.name ?? "",
		line.other === undefined ? "" : text(line.other),
		ratio === undefined ? "" : `${ratio.toFixed(2)}x`,
		line.bar === undefined ? "" : `${line.bar.is === "at least" ? ">=" : "<="} ${line.bar.ratio}x`,
		met === undefined ? "" : met ? "met" : "MISSED",
	]);
}
