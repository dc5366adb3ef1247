import { atLeast, Lines } from "../lines.js";
import { redisVersion } from "../sides/redis.js";
import type { Line } from "../table.js";
import { race, type Side } from "../timing.js";
import type { Context, Row } from "./row.js";

/** A row that needs Redis, which it is given the name of with its version. Where there is none, it is left out. */
export function withRedis(
	name: string,
	title: string,
	measure: (context: Context, redis: string) => Promise<Line[]>,
): Row {
	return {
		name,
		title,
		async measure(context) {
			const version = redisVersion();
			if (version !== undefined) return measure(context, `Redis ${version}`);
			process.stderr.write("  left out: there is no redis-server on the PATH\n");
			return [];
		},
	};
}

interface Sides {
	readonly ours: Side;
	readonly other: Side;
}

/** A row of one side of ours against one of Redis, and the least that their ratio must be. */
export function againstRedis(
	name: string,
	title: string,
	ratio: number,
	sides: (context: Context, redis: string) => Sides | Promise<Sides>,
): Row {
	return withRedis(name, title, async (context, redis) => {
		const { ours, other } = await sides(context, redis);
		const medians = await race([ours, other], context.rounds, context.folders);
		return new Lines(medians).add(title, ours.name, other.name, atLeast(ratio)).all;
	});
}
