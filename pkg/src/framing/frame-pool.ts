import { FrameWriter } from "./record-frame.js";

// A batch makes its frame in memory that the batch before it grew: growing copies the frame as often as it doubles.
const KEPT_BYTES = 4 << 20;
let spare: FrameWriter | undefined;

/** A writer of one's own, empty, until it is given back. */
export function takeWriter(): FrameWriter {
	const writer = spare ?? new FrameWriter(1 << 14);
	spare = undefined;
	return writer;
}

/** Gives a writer back that nobody uses any more, nor the frames it made. */
export function giveBack(writer: FrameWriter): void {
	writer.reset(KEPT_BYTES);
	spare = writer;
}
