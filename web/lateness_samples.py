"""How late collectors' runs begin, as a histogram of Prometheus."""

from collections.abc import Iterator

from collectors.lateness import BOUNDS_SECONDS, LateRuns
from web.exposition import Family

_LATENESS = Family(
    "nines_collector_lateness_seconds",
    "histogram",
    "How late the runs of all collectors started; of an instant that was missed, when that was "
    "seen.",
)
_BUCKET, _SUM, _COUNT = (
    Family(f"{_LATENESS.name}_{part}", _LATENESS.kind, _LATENESS.help)
    for part in ("bucket", "sum", "count")
)


def lateness_lines(late: LateRuns) -> Iterator[tuple[Family, bytes]]:
    """One family."""
    bounds = [*map(repr, BOUNDS_SECONDS), "+Inf"]
    counts = [*late.within, late.runs]
    yield (
        _LATENESS,
        _BUCKET.lines(
            ((("le", bound),), count) for bound, count in zip(bounds, counts, strict=True)
        )
        + _SUM.line((), late.seconds)
        + _COUNT.line((), late.runs),
    )
