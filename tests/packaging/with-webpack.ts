import webpack from "webpack";

/** Runs webpack for production; what it found wrong. */
export async function runWebpack(configuration: webpack.Configuration): Promise<webpack.StatsCompilation | undefined> {
	const compiler = webpack({ mode: "production", performance: false, ...configuration });
	const stats = await new Promise<webpack.Stats | undefined>((resolve, reject) => {
		compiler.run((error, result) => (error === null ? resolve(result) : reject(error)));
	});
	await new Promise<void>((resolve) => compiler.close(() => resolve()));
	return stats?.toJson({ all: false, errors: true, warnings: true });
}
