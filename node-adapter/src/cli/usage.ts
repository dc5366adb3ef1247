import { StreamkitError } from "streamkit";

/** INVALID_ARGUMENT for something on the command line or in the input. */
export function usage(argument: string, rule: string, details: Record<string, unknown> = {}): StreamkitError {
	return new StreamkitError("INVALID_ARGUMENT", `${argument}: ${rule}`, { details: { argument, ...details } });
}
