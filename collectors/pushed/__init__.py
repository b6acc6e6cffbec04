"""Metrics that others send: what is kept of them, and how each of their formats is read."""
