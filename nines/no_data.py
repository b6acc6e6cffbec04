"""Why nothing came: target down, collector down and series missing, told apart."""

from collections.abc import Mapping

from alerting.wording import NoDataCause
from collectors.observation import Observation, Outcome


def why_no_data(last: Observation | None, missing: str) -> tuple[NoDataCause, str]:
    """The cause and the sentence of a collector's newest run; `missing` is what its page lacks."""
    if last is None:
        return NoDataCause.COLLECTOR_DOWN, "It has not run since Nines started."
    match last.outcome:
        case Outcome.FAILED:
            return NoDataCause.TARGET_DOWN, last.detail
        case Outcome.UNKNOWN:
            return NoDataCause.COLLECTOR_DOWN, last.detail
        case Outcome.PASSED:
            return NoDataCause.SERIES_MISSING, missing


def why_together(said: Mapping[str, tuple[NoDataCause, str]]) -> tuple[NoDataCause, str]:
    """The cause and the sentence of several that are silent, by name.

    The cause is that of the first whom somebody could help.
    """
    causes = [cause for cause, _ in said.values()]
    cause = next((one for one in causes if one is not NoDataCause.WAITING), causes[0])
    # Nothing is to be said of one that works, such as before the first slice of a journey is over.
    told = (f"{name}: {detail}" if detail else name for name, (_, detail) in said.items())
    return cause, "; ".join(told)
