"""Probes upon request: blackbox_exporter's modules and metrics, our own collectors."""
