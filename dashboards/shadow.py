"""What an SLO in shadow would have told, in a sentence."""

from datetime import datetime

from alerting.routes import join
from alerting.shadow import SHOWN, ShadowSummary
from dashboards import format as write


def shadow_sentence(summary: ShadowSummary, now: datetime) -> str:
    """`In shadow: would have paged 3 times in 30 days, last 2 h ago; nobody is told.`"""
    days = SHOWN.days
    if summary.last is None:
        return f"In shadow: nobody is told, and there was nothing to tell in {days} days."
    told = []
    if summary.pages:
        told.append(f"paged {_times(summary.pages)}")
    others = summary.incidents - summary.pages
    if others:
        told.append(f"opened {_count(others, 'incident')} without a page")
    if summary.notices:
        told.append(f"sent {_count(summary.notices, 'budget notice')}")
    going = " It would be telling now." if summary.firing else ""
    return (
        f"In shadow: would have {join(told)} in {days} days, last "
        f"{write.ago(summary.last, now)}. Nobody is told.{going}"
    )


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
