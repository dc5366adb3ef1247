/** Adds what a line of a test runner's output says about passed and failed tests. */
export function countLine(line, counted) {
	const rust = /^test result: \w+\. (\d+) passed; (\d+) failed/.exec(line);
	if (rust) {
		counted.passed += Number(rust[1]);
		counted.failed += Number(rust[2]);
	}
	const node = /^\S (pass|fail|cancelled) (\d+)$/.exec(line);
	if (node) counted[node[1] === "pass" ? "passed" : "failed"] += Number(node[2]);
}
