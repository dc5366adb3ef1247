import { describe, StreamkitError } from "../../errors.js";

/** What a request that failed says. */
export type Failure =
	/** Not carried out: a row is not, or is no longer, what the request was bound to. */
	| { readonly kind: "conflict"; readonly operation: number | undefined }
	/** Not carried out: the service has too much to do, or was not reached at all. */
	| { readonly kind: "busy"; readonly retryAfter: number | undefined; readonly cause: unknown }
	/** Nobody knows whether it was, or will be, carried out. */
	| { readonly kind: "unclear"; readonly cause: unknown }
	/** Not carried out, and never will be. */
	| { readonly kind: "refused"; readonly error: StreamkitError };

const UNREACHED = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN"]);
const TOO_LARGE = /^(EntityTooLarge|PropertyValueTooLarge|RequestBodyTooLarge|KeyValueTooLarge|TooManyProperties)$/;
const FULL = /Quota|InsufficientStorage|CapacityExceeded|SizeLimitReached/i;

interface Told {
	readonly status: number | undefined;
	readonly code: string | undefined;
	readonly message: string;
	readonly retryAfter: number | undefined;
}

function text(value: unknown): string | undefined {
	return typeof value === "string" && value !== "" ? value : undefined;
}

/** The status and code of an error of the client, which keeps them in several places. */
function told(error: unknown): Told {
	const { statusCode, code, details, retryAfter } = (
		typeof error === "object" && error !== null ? error : {}
	) as Record<string, unknown>;
	const { odataError, errorCode, Code } = (typeof details === "object" && details !== null ? details : {}) as Record<
		string,
		unknown
	>;
	const odata = (typeof odataError === "object" && odataError !== null ? odataError : {}) as Record<string, unknown>;
	const message = (odata["message"] as { value?: unknown } | undefined)?.value;
	return {
		status: typeof statusCode === "number" ? statusCode : undefined,
		code: text(code) ?? text(odata["code"]) ?? text(errorCode) ?? text(Code),
		message: (text(message) ?? describe(error)).split("\n", 1)[0] as string,
		retryAfter: typeof retryAfter === "number" ? retryAfter : undefined,
	};
}

/** Whether a request for one entity was answered that there is none. */
export function isMissing(error: unknown): boolean {
	const { status, code } = told(error);
	return status === 404 && code !== "TableNotFound";
}

/** The table is another one than before. */
export function emptied(): StreamkitError {
	const message =
		'host "azure-table": the table was deleted and made again while it was in use; close the store, and open a new host';
	return new StreamkitError("UNAVAILABLE", message, { details: { applied: false }, retryable: false });
}

/** What an error of the client means for the request that it answers. */
export function failureOf(error: unknown, table: unknown): Failure {
	const { status, code, message, retryAfter } = told(error);
	const refused = (
		kind: "UNAVAILABLE" | "QUOTA_EXCEEDED" | "LIMIT_EXCEEDED",
		what: string,
		retryable = false,
	): Failure => ({
		kind: "refused",
		error: new StreamkitError(kind, `host "azure-table": ${what}`, {
			cause: error,
			details: { applied: false, status, service: code },
			retryable,
		}),
	});
	if (status === undefined) {
		if (code !== undefined && UNREACHED.has(code)) return { kind: "busy", retryAfter: undefined, cause: error };
		return { kind: "unclear", cause: error };
	}
	if (status === 507 || (code !== undefined && FULL.test(code)))
		return refused("QUOTA_EXCEEDED", `the storage account is full: ${message}`);
	if (status === 429 || (status === 503 && code === "ServerBusy")) return { kind: "busy", retryAfter, cause: error };
	if (status === 408 || status >= 500) return { kind: "unclear", cause: error };
	if (code === "TableNotFound")
		return refused("UNAVAILABLE", `the table "${String(table)}" does not exist: create it before the store is opened`);
	if (status === 401 || status === 403)
		return refused("UNAVAILABLE", `the service denies access to the table, check its credentials: ${message}`);
	if (status === 412 || status === 404 || (status === 409 && code === "EntityAlreadyExists")) {
		const operation = /^(\d+):/.exec(message)?.[1];
		return { kind: "conflict", operation: operation === undefined ? undefined : Number(operation) };
	}
	if (status === 413 || (code !== undefined && TOO_LARGE.test(code)))
		return refused("LIMIT_EXCEEDED", `the service takes no more: ${message}`);
	return refused("UNAVAILABLE", `the service refuses the request: ${status} ${code ?? ""} ${message}`, status === 409);
}
