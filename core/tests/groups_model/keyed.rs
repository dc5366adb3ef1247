//! Groups by key: laws that hold whatever the calls.
