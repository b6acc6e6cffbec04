"""What OpenTelemetry calls a metric, as Prometheus names it.

Source: opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics, and what
Prometheus itself does by default (prometheus/otlptranslator, UnderscoreEscapingWithSuffixes).
"""

import re
from functools import lru_cache

_UNITS = {
    "d": "days", "h": "hours", "min": "minutes", "s": "seconds", "ms": "milliseconds",
    "us": "microseconds", "ns": "nanoseconds", "By": "bytes", "KiBy": "kibibytes",
    "MiBy": "mebibytes", "GiBy": "gibibytes", "TiBy": "tibibytes", "KBy": "kilobytes",
    "MBy": "megabytes", "GBy": "gigabytes", "TBy": "terabytes", "m": "meters", "V": "volts",
    "A": "amperes", "J": "joules", "W": "watts", "g": "grams", "Cel": "celsius", "Hz": "hertz",
    "1": "", "%": "percent",
}  # fmt: skip
_PER = {
    "s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year",
}  # fmt: skip
_APART = re.compile(r"[^a-zA-Z0-9:]+")
_NO_LABEL = re.compile(r"[^a-zA-Z0-9_]")


@lru_cache(maxsize=10_000)
def metric_name(name: str, unit: str, *, counter: bool = False, gauge: bool = False) -> str:
    """`http.server.requests` as `http_server_requests_total`, without its kind's suffixes."""
    tokens = [token for token in _APART.split(name) if token]
    main, _, per = unit.partition("/")
    for token in (_suffix(main, _UNITS), _suffix(per, _PER)):
        if not token or token in tokens:
            continue
        if per and token == _suffix(per, _PER):
            tokens.append("per")
        tokens.append(token)
    for holds, suffix in ((counter, "total"), (gauge and unit == "1", "ratio")):
        if holds:
            tokens = [*(token for token in tokens if token != suffix), suffix]
    joined = "_".join(tokens)
    return f"_{joined}" if joined[:1].isdigit() else joined


@lru_cache(maxsize=10_000)
def label_name(attribute: str) -> str:
    """`http.route` as `http_route`."""
    label = _NO_LABEL.sub("_", attribute)
    if label[:1].isdigit():
        return f"key_{label}"
    if label.startswith("_") and not label.startswith("__"):
        return f"key{label}"
    return label


def _suffix(unit: str, known: dict[str, str]) -> str:
    unit = unit.strip()
    if "{" in unit or "}" in unit:  # what is counted is no unit
        return ""
    return "_".join(part for part in _APART.split(known.get(unit, unit)) if part)
