"""Each claim of speed as a command that prints ratios beside a peer."""
