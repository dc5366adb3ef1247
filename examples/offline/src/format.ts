// Times and numbers in the form of the reader's own place and language.

const time = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const dateTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const longDate = new Intl.DateTimeFormat(undefined, { dateStyle: "full" });
const dayAndMonth = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const numbers = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });

export const formatTime = (ms: number): string => time.format(ms);
export const formatDateTime = (ms: number): string => dateTime.format(ms);
export const formatExactly = (ms: number): string => exact.format(ms);
export const formatNumber = (value: number): string => numbers.format(value);

/** The start of the day in local time: notes of one day have the same. */
export function dayOf(ms: number): number {
	return new Date(ms).setHours(0, 0, 0, 0);
}

/** Whole days between, whatever summer time did. */
function daysAgo(day: number): number {
	return Math.round((dayOf(Date.now()) - day) / 86_400_000);
}

export function formatDay(day: number): { readonly name: string; readonly date: string } {
	const ago = daysAgo(day);
	const sameYear = new Date(day).getFullYear() === new Date().getFullYear();
	const date = sameYear ? weekday.format(day) : longDate.format(day);
	if (ago === 0) return { name: "Today", date };
	if (ago === 1) return { name: "Yesterday", date };
	return { name: date, date: "" };
}

/** As short as can be: the time today, the day else. */
export function formatBriefly(ms: number): string {
	return daysAgo(dayOf(ms)) === 0 ? formatTime(ms) : dayAndMonth.format(ms);
}

export function formatBytes(bytes: number): string {
	let value = bytes;
	for (const unit of ["bytes", "KB", "MB", "GB"]) {
		if (value < 1000) return `${formatNumber(value)} ${unit}`;
		value /= 1000;
	}
	return `${formatNumber(value)} TB`;
}

export function count(value: number, one: string, many: string): string {
	return `${formatNumber(value)} ${value === 1 ? one : many}`;
}
