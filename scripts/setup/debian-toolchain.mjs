// The way out where rustup cannot download a target and the system is Debian: its own compiler for
// wasm, whose standard library for wasm32-unknown-unknown is built here from its packaged source.

import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { note, Problem } from "../lib/console.mjs";
import { forgetEnvironment, toolchainFile } from "../lib/environment.mjs";
import { output, run } from "../lib/process.mjs";

const target = "wasm32-unknown-unknown";

function apt(...packages) {
	return run("apt-get", ["install", "-y", "--no-install-recommends", ...packages], {
		env: { DEBIAN_FRONTEND: "noninteractive" },
	});
}

export async function debianToolchain(rustup) {
	if (process.getuid?.() !== 0 || !existsSync("/etc/debian_version")) {
		throw new Problem(
			`the Rust target ${target} could not be downloaded: run "rustup target add ${target}" where there is a network`,
		);
	}
	note("rustup could not download it: building it with Debian's compiler instead");
	await apt("rustc-web", "cargo-web", "rust-web-src", "rust-web-clippy", "rustfmt-web");
	const version = output("/usr/bin/rustc", ["-vV"], { cwd: "/" }) ?? "";
	const host = /^host: (.+)$/m.exec(version)?.[1];
	const llvm = /^LLVM version: (\d+)/m.exec(version)?.[1];
	if (!host || !llvm) throw new Problem("Debian's rustc does not say what it is");
	await apt(`lld-${llvm}`);

	const bin = `/usr/lib/rustlib/${host}/bin`;
	mkdirSync(bin, { recursive: true });
	rmSync(join(bin, "rust-lld"), { force: true });
	symlinkSync(`/usr/lib/llvm-${llvm}/bin/lld`, join(bin, "rust-lld"));

	const work = mkdtempSync(join(tmpdir(), "streamkit-std-"));
	try {
		const manifest = "/usr/lib/rustlib/src/rust/library/sysroot/Cargo.toml";
		const build = ["build", "--locked", "--profile", "dist", "--target", target];
		await run("/usr/bin/cargo", [...build, "--target-dir", work, "--manifest-path", manifest], {
			cwd: "/",
			env: {
				RUSTC: "/usr/bin/rustc",
				RUSTC_BOOTSTRAP: "1",
				RUSTFLAGS: "-Zforce-unstable-if-unmarked",
				__CARGO_DEFAULT_LIB_METADATA: "deb",
				CARGO_PROFILE_DIST_DEBUG: "0",
			},
		});
		const library = `/usr/lib/rustlib/${target}/lib`;
		const built = join(work, target, "dist", "deps");
		mkdirSync(library, { recursive: true });
		for (const name of readdirSync(built)) {
			if (name.endsWith(".rlib")) cpSync(join(built, name), join(library, name));
		}
	} finally {
		rmSync(work, { recursive: true, force: true });
	}
	if (rustup) {
		await run("rustup", ["toolchain", "link", "debian", "/usr"]);
		mkdirSync(dirname(toolchainFile), { recursive: true });
		writeFileSync(toolchainFile, "debian\n");
		forgetEnvironment();
	}
}
