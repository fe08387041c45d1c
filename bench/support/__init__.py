"""Support for tests and benchmarks: servers and simulators, never imported by the application."""
