"""Alertmanager's API, version 2, for whoever speaks it: Prometheus, amtool, Grafana."""
