"""Real platforms, each watched by a configuration to copy from, and played on this machine."""
