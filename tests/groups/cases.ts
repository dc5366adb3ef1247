import { allCases } from "../streams/harness.js";
import { argumentCases } from "./argument-cases.js";
import { basicCases } from "./basic-cases.js";
import { crowdCases } from "./crowd-cases.js";
import { deliveryCases } from "./delivery-cases.js";
import { lastingCases } from "./lasting-cases.js";
import { modeCases } from "./mode-cases.js";
import { waitCases } from "./wait-cases.js";

/** Every case of consumer groups, for stores of one kind. Uses nothing but the package: it runs in browsers too. */
export const groupCases = allCases(
	basicCases,
	deliveryCases,
	modeCases,
	crowdCases,
	waitCases,
	lastingCases,
	argumentCases,
);
