"""Which way of counting is meant."""

from collections.abc import Sequence

from dashboards.prometheus_templates import Candidate
from web.steps.port import StepError
from web.steps.wanted import WantedError


def choose(found: Sequence[Candidate], key: str, job: str) -> Candidate:
    """The one of this key; the best, where none is named. Raises StepError, WantedError."""
    if not found:
        raise StepError(409, f"of the job {job[:100]} nothing is kept that says good from bad")
    if not key:
        return found[0]
    for one in found:
        if one.key == key:
            return one
    raise WantedError("way", f"there is no way {key[:100]!r} of counting the job {job[:100]}")
