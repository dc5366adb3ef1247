//! Holds the micro benchmarks in `benches`; there is nothing else in it.
