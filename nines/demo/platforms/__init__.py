"""The simulated platforms, each with its own faults."""
