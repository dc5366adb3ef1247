import type { GroupInfo } from "streamkit";
import { count, printable, table, time } from "../../terminal.js";

/** A group as plain data. */
export function groupAsObject(info: GroupInfo): Record<string, unknown> {
	const { stream, group, mode, consumers, pending, trimmedPending, lastDeliveredId, lag, createdAt } = info;
	return {
		group,
		stream,
		mode,
		members: consumers.length,
		consumers,
		pending,
		trimmed_pending: trimmedPending,
		last_delivered_id: lastDeliveredId,
		lag,
		created_at_ms: createdAt,
	};
}

/** A group in lines for people. */
export function groupForPeople(info: GroupInfo): string {
	const { stream, group, mode, consumers, pending, trimmedPending, lastDeliveredId, lag, createdAt } = info;
	const trimmed = trimmedPending === 0 ? "" : `, ${count(trimmedPending)} of them trimmed`;
	const rows = consumers.map((consumer) => [
		printable(consumer.name),
		consumer.active ? "yes" : "no",
		count(consumer.pending),
	]);
	return [
		`Consumer group: ${printable(stream)}/${printable(group)}`,
		`Mode:           ${mode}`,
		`Members:        ${count(consumers.length)}`,
		`Pending:        ${count(pending)}${trimmed}`,
		`Last delivered: ${lastDeliveredId}`,
		`Not delivered:  ${count(lag)}`,
		`Created:        ${time(createdAt)}`,
		...(rows.length === 0 ? [] : ["", table(["CONSUMER", "ACTIVE", "PENDING"], rows).trimEnd()]),
	].join("\n");
}
