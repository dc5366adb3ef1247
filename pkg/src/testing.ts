export { manualClock } from "./testing/clock.js";
export { type ConformanceFactory, type ConformanceRunner, hostConformance } from "./testing/conformance.js";
export { type FaultPlan, faultyHost } from "./testing/faulty-host.js";
