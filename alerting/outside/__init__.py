"""Alerts from outside: what a Prometheus, or whoever speaks Alertmanager's API, sends to us."""
