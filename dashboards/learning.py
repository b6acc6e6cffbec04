"""A budget of which too little was seen to mean something: never shown as a share."""

from datetime import datetime

from dashboards import format as write
from slo.evaluate import learnt_after
from slo.status import Budget, BudgetState, SLOStatus

WORD = "learning"


def learns(status: SLOStatus) -> bool:
    return status.budget_state is BudgetState.LEARNING


def seen_so_far(status: SLOStatus) -> str:
    """What was seen, and of how much: `4 h 10 min of 3 d seen`."""
    seen = status.window.seen * status.slo.interval
    return f"{write.span(seen)} of {write.span(learnt_after(status.slo, status.at))} seen"


def budget(status: SLOStatus) -> str:
    """What is left of the budget, where that can be said."""
    return left(status, status.budget)


def left(status: SLOStatus, of: Budget | None) -> str:
    """As `budget`, of another budget of the same window, such as the one without exclusions."""
    if learns(status):
        return WORD
    return write.budget(of.remaining if of else None)


def budget_time(status: SLOStatus) -> str:
    """What is left as time of a full outage; what was seen so far, while it is being learnt."""
    if learns(status):
        return seen_so_far(status)
    return write.budget_time(status.budget.remaining_time(status.slo)) if status.budget else ""


def sentence(status: SLOStatus, what: str, now: datetime) -> str:
    """What there is to say instead of a share."""
    counts = status.window.counts
    since = f" since {write.stamp(status.watched_since, now)}" if status.watched_since else ""
    return (
        f"the budget is still being learnt: {seen_so_far(status)}, "
        f"{write.count(counts.bad)} of {write.count(counts.total)} {what} failed{since}"
    )
