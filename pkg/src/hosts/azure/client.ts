import { randomUuid } from "../../common/bytes.js";

/** An entity as the client of @azure/data-tables takes and gives it. */
export interface Entity {
	partitionKey: string;
	rowKey: string;
	etag?: string;
	[property: string]: unknown;
}

/** One operation of an entity group transaction. A delete cannot be bound to an ETag. */
export type Action =
	| ["create", Entity]
	| ["update", Entity, "Merge" | "Replace", { etag: string }]
	| ["upsert", Entity, "Merge" | "Replace"]
	| ["delete", { partitionKey: string; rowKey: string }];

interface CallOptions {
	abortSignal: AbortSignal;
}

interface QueryOptions {
	filter: string;
	select?: string[];
}

export interface EntityPage extends ReadonlyArray<Entity> {
	continuationToken?: string;
}

/** What is used of a TableClient. */
export interface TableClient {
	readonly tableName?: unknown;
	readonly pipeline?: Pipeline;
	submitTransaction(
		actions: readonly Action[],
		options: CallOptions,
	): Promise<{ readonly subResponses: readonly { readonly etag?: string }[] }>;
	getEntity(partitionKey: string, rowKey: string, options: CallOptions): Promise<Entity>;
	listEntities(options: CallOptions & { queryOptions: QueryOptions }): {
		byPage(settings: { maxPageSize: number; continuationToken?: string }): AsyncIterator<EntityPage>;
	};
	deleteEntity?(partitionKey: string, rowKey: string, options: CallOptions & { etag: string }): Promise<unknown>;
}

interface PipelineRequest {
	readonly abortSignal?: AbortSignal;
}

interface PipelineResponse {
	readonly status: number;
	readonly bodyAsText?: string | null;
	readonly headers: { get(name: string): string | undefined };
}

/** What is used of the pipeline that a client sends its requests through. */
interface Pipeline {
	addPolicy(
		policy: {
			name: string;
			sendRequest(
				request: PipelineRequest,
				next: (request: PipelineRequest) => Promise<PipelineResponse>,
			): Promise<PipelineResponse>;
		},
		options: { afterPhase: "Retry" },
	): void;
}

/** An attempt that failed in a way that the client would answer with another try of its own. */
export class FailedAttempt extends Error {
	override readonly name = "FailedAttempt";
	readonly statusCode: number | undefined;
	readonly code: string | undefined;
	/** How long the service asks to be left alone, in milliseconds. */
	readonly retryAfter: number | undefined;

	constructor(message: string, options: { statusCode?: number; code?: string; retryAfter?: number; cause?: unknown }) {
		super(message, "cause" in options ? { cause: options.cause } : undefined);
		this.statusCode = options.statusCode;
		this.code = options.code;
		this.retryAfter = options.retryAfter;
	}
}

/** The signals of our own requests: the rest of what a client sends is none of our business. */
const ours = new WeakSet<AbortSignal>();
const prepared = new WeakSet<object>();

/** Says that a request with this signal is one of ours. */
export function claim(signal: AbortSignal): void {
	ours.add(signal);
}

function retryAfterOf({ headers }: PipelineResponse): number | undefined {
	for (const [name, unit] of [
		["retry-after-ms", 1],
		["x-ms-retry-after-ms", 1],
		["retry-after", 1000],
	] as const) {
		const value = headers.get(name);
		if (value !== undefined && /^\d+$/.test(value)) return Number(value) * unit;
	}
	return undefined;
}

function codeOf({ headers, bodyAsText }: PipelineResponse): string | undefined {
	return (
		headers.get("x-ms-error-code") ??
		/"code"\s*:\s*"(\w+)"|<Code>(\w+)</i
			.exec(bodyAsText ?? "")
			?.slice(1)
			.find(Boolean)
	);
}

/**
 * Makes each of our calls one request. A client that sends a transaction again after a lost answer gets a conflict with
 * itself, and hides that there ever was a first time; who must know tries again by himself. The client's own retry
 * policy leaves alone what is no error of its own kind.
 */
export function sendOnce({ pipeline }: TableClient): void {
	if (typeof pipeline !== "object" || pipeline === null || typeof pipeline.addPolicy !== "function") return;
	if (prepared.has(pipeline)) return;
	prepared.add(pipeline);
	pipeline.addPolicy(
		{
			// Two policies of one name make a pipeline useless, and another copy of this module may have added its own.
			name: `streamkitSendOncePolicy-${randomUuid()}`,
			async sendRequest(request, next) {
				if (request.abortSignal === undefined || !ours.has(request.abortSignal)) return next(request);
				let response: PipelineResponse;
				try {
					response = await next(request);
				} catch (error) {
					const { code, statusCode, message } = error as { code?: unknown; statusCode?: unknown; message?: unknown };
					throw new FailedAttempt(String(message), {
						...(typeof code === "string" ? { code } : {}),
						...(typeof statusCode === "number" ? { statusCode } : {}),
						cause: error,
					});
				}
				const { status } = response;
				if (status !== 408 && status !== 429 && status < 500) return response;
				const code = codeOf(response);
				const retryAfter = retryAfterOf(response);
				throw new FailedAttempt(`the service answered ${status}${code === undefined ? "" : ` ${code}`}`, {
					statusCode: status,
					...(code === undefined ? {} : { code }),
					...(retryAfter === undefined ? {} : { retryAfter }),
				});
			},
		},
		{ afterPhase: "Retry" },
	);
}
