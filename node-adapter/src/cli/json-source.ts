// JSON that JSON.parse took: nothing of it is checked again here.

/** The text of the value that these names lead to; of two members of one name it is the last, as for JSON.parse. */
export function sourceAt(json: string, names: readonly string[]): string {
	let from = pastSpace(json, 0);
	for (const name of names) from = memberOf(json, from, name);
	return json.slice(from, endOfValue(json, from));
}

/** Where the member of that name begins in the object or array that begins there. */
function memberOf(json: string, from: number, name: string): number {
	const isObject = json[from] === "{";
	const close = isObject ? "}" : "]";
	let found = from;
	let at = pastSpace(json, from + 1);
	for (let index = 0; json[at] !== close; index++) {
		let key = String(index);
		if (isObject) {
			const end = endOfText(json, at);
			key = JSON.parse(json.slice(at, end)) as string;
			at = pastSpace(json, pastSpace(json, end) + 1);
		}
		if (key === name) found = at;
		at = pastSpace(json, endOfValue(json, at));
		if (json[at] === ",") at = pastSpace(json, at + 1);
	}
	return found;
}

const REST_OF_WORD = /[^\s,\]}]*/y;

/** Where the value that begins there ends. */
function endOfValue(json: string, from: number): number {
	const first = json[from];
	if (first === '"') return endOfText(json, from);
	if (first !== "{" && first !== "[") {
		REST_OF_WORD.lastIndex = from;
		REST_OF_WORD.test(json);
		return REST_OF_WORD.lastIndex;
	}
	let depth = 1;
	let at = from + 1;
	while (depth > 0) {
		const character = json[at];
		if (character === '"') {
			at = endOfText(json, at);
			continue;
		}
		if (character === "{" || character === "[") depth += 1;
		if (character === "}" || character === "]") depth -= 1;
		at += 1;
	}
	return at;
}

/** Where the text whose quotation mark is there ends. */
function endOfText(json: string, from: number): number {
	let at = from + 1;
	while (json[at] !== '"') at += json[at] === "\\" ? 2 : 1;
	return at + 1;
}

function pastSpace(json: string, from: number): number {
	let at = from;
	while (json[at] === " " || json[at] === "\t" || json[at] === "\n" || json[at] === "\r") at += 1;
	return at;
}
