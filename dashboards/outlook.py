"""What will be left of a budget, as a sentence with its band."""

from datetime import datetime

from dashboards import format as write
from slo.definition import SLO
from slo.outlook import ENOUGH_WEEKS, Outlook


def sentence(slo: SLO, outlook: Outlook, now: datetime) -> str:
    """The band in words; where past weeks are too few for one, that they are."""
    when = write.stamp(outlook.end, now)
    low, middle, high = outlook.lowest, outlook.middle, outlook.highest
    if low is None or middle is None or high is None:
        return (
            f"Not enough history to say what will be left {when}: "
            f"{outlook.weeks} of {ENOUGH_WEEKS} whole weeks were observed."
        )
    band = write.budget(low)
    if write.budget(high) != band:
        band = f"between {band} and {write.budget(high)} ({write.budget(middle)} in the middle)"
    return (
        f"Were the time until {when} like one of the last {outlook.weeks} observed weeks, "
        f"{band} of the budget of {slo.window.label} would be left then."
    )
