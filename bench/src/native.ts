import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Runs the engine's micro benchmarks, which print by themselves. Whether they ran. */
export function runNative(): boolean {
	const manifest = fileURLToPath(new URL("../native/Cargo.toml", import.meta.url));
	const { status } = spawnSync("cargo", ["bench", "--locked", "--manifest-path", manifest], { stdio: "inherit" });
	return status === 0;
}
