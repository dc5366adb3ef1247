import { copyBytes, toHex } from "../common/bytes.js";
import { checkHost, checkInteger, optionsObject } from "../common/validate.js";
import { invalid, StreamkitError } from "../errors.js";
import type { HostCommit, HostKv, ScanPage } from "../host.js";
import { keyText } from "../hosts/sorted-rows.js";
import { generator } from "./generator.js";

/** Which calls go wrong; the same seed picks the same calls. */
export interface FaultPlan {
	/** Any safe integer. */
	seed: number;
	/** Share of the calls that fail without being applied. Default 0. */
	failRate?: number | undefined;
	/** Share of the commits that are applied but answered with an error. Default 0. */
	lostReplyRate?: number | undefined;
	/**
	 * Share of the calls of get and scan that answer with what an earlier one of the same saw. Default 0; above 0 the host
	 * says that it is not consistent.
	 */
	staleRate?: number | undefined;
	/**
	 * After so many calls of get, scan and commit every further one fails. Default: never. The seed says whether the first
	 * of them, where it is a commit, is applied all the same.
	 */
	crashAfter?: number | undefined;
}

function unavailable(call: string, applied: false | "unknown"): StreamkitError {
	return new StreamkitError("UNAVAILABLE", `faulty host: ${call} was made to fail`, { details: { applied } });
}

/** A page whose bytes nobody else has. */
function copyOf({ keys, values, more }: ScanPage): ScanPage {
	return { keys: keys.map(copyBytes), values: values.map(copyBytes), more };
}

/**
 * Fails, delays, answers late or stale, drops replies, or cuts off the calls that a seeded plan picks. log: one line
 * per call.
 * @throws INVALID_ARGUMENT for what is no host, a seed that is no safe integer, and a rate outside 0 to 1.
 */
export function faultyHost(inner: HostKv, plan: FaultPlan): HostKv & { readonly log: readonly string[] } {
	checkHost(inner, "inner");
	const { seed, failRate = 0, lostReplyRate = 0, staleRate = 0, crashAfter } = optionsObject(plan, "plan");
	checkInteger("plan.seed", seed, Number.MIN_SAFE_INTEGER);
	for (const [name, rate] of Object.entries({ failRate, lostReplyRate, staleRate })) {
		if (typeof rate !== "number" || !(rate >= 0 && rate <= 1))
			throw invalid(`plan.${name}`, "must be a number from 0 to 1");
	}
	if (crashAfter !== undefined) checkInteger("plan.crashAfter", crashAfter, 0);

	const random = generator(seed);
	const log: string[] = [];
	const seen = new Map<string, Uint8Array | undefined>();
	const seenPages = new Map<string, ScanPage>();
	let calls = 0;

	/** Draws the same numbers for every call, so that one fault does not shift all that follow. */
	async function begin(call: string): Promise<{ lost: boolean; stale: boolean; note: (text: string) => void }> {
		const number = ++calls;
		const [fail, lost, stale, delay, cut] = [random(), random(), random(), random(), random()];
		const at = log.push(`${number} ${call}`) - 1;
		const note = (text: string): void => {
			log[at] += `: ${text}`;
		};
		if (crashAfter !== undefined && number > crashAfter) {
			note("cut off");
			if (number === crashAfter + 1 && call.startsWith("commit") && cut < 0.5)
				return { lost: true, stale: false, note };
			throw unavailable(call, false);
		}
		// Late answers let calls overtake each other.
		if (delay < 0.25) await new Promise((resolve) => setTimeout(resolve, 0));
		if (fail < failRate) {
			note("failed");
			throw unavailable(call, false);
		}
		return { lost: lost < lostReplyRate, stale: stale < staleRate, note };
	}

	const host: HostKv & { readonly log: readonly string[] } = {
		name: `faulty ${inner.name}`,
		limits: staleRate > 0 ? { ...inner.limits, consistent: false } : inner.limits,
		log,

		async get(keys) {
			const { stale, note } = await begin(`get ${keys.map(toHex).join(" ")}`);
			const texts = keys.map(keyText);
			const values = await inner.get(keys);
			return values.map((value, i) => {
				const text = texts[i] as string;
				const earlier = seen.get(text);
				const known = seen.has(text);
				seen.set(text, value === undefined ? undefined : copyBytes(value));
				if (!stale || !known) return value;
				note("stale");
				return earlier === undefined ? undefined : copyBytes(earlier);
			});
		},

		async scan(range) {
			const { start, end, reverse = false, limit } = range;
			const call = `scan ${toHex(start)} ${toHex(end)}${reverse ? " reverse" : ""} ${limit}`;
			const { stale, note } = await begin(call);
			const page = await inner.scan(range);
			if (staleRate === 0) return page;
			const which = `${call} ${range.maxBytes} ${range.keysOnly}`;
			const earlier = seenPages.get(which);
			seenPages.set(which, copyOf(page));
			if (!stale || earlier === undefined) return page;
			note("stale");
			return copyOf(earlier);
		},

		async commit(batch): Promise<HostCommit> {
			const { checks, deletes, puts } = batch;
			const { lost, note } = await begin(`commit ${checks.length} ${deletes.length} ${puts.length}`);
			const answer = await inner.commit(batch);
			note(answer.applied ? "applied" : `check ${answer.check}`);
			if (lost) {
				note("reply lost");
				throw unavailable("commit", "unknown");
			}
			return answer;
		},
	};
	if (inner.recoveryInterval !== undefined) {
		// It is asked for again and again, and may change.
		Object.defineProperty(host, "recoveryInterval", { get: () => inner.recoveryInterval, enumerable: true });
	}
	const { watch, notify, health, close } = inner;
	if (watch !== undefined) host.watch = (changed) => watch.call(inner, changed);
	if (notify !== undefined) host.notify = () => notify.call(inner);
	if (health !== undefined) host.health = () => health.call(inner);
	if (close !== undefined) host.close = () => close.call(inner);
	return host;
}
