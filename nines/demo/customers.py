"""What the demo's customers were told of its past troubles."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from alerting.status_incident import ComponentState, Impact, Stage, StatusPlan, UpdatePlan
from dashboards.status_board import StatusBoard
from nines.demo.clock import PastClock

_BY = "Mina"


@dataclass(frozen=True, slots=True)
class Story:
    """An incident that began so many days ago, and what was said how many minutes later."""

    title: str
    impact: Impact
    component: str
    state: ComponentState
    days_ago: float
    told: Sequence[tuple[int, Stage, str]]


STORIES = (
    Story(
        "Bookings failed now and then",
        Impact.MINOR,
        "bookings",
        ComponentState.DEGRADED_PERFORMANCE,
        6.9,
        (
            (42, Stage.INVESTIGATING, "Some bookings fail and go through when tried again."),
            (310, Stage.IDENTIFIED, "A calendar that we ask answers late. We ask it less often."),
            (1_570, Stage.RESOLVED, "Bookings go through again, at the first try."),
            (
                2_900,
                Stage.POSTMORTEM,
                "A partner's calendar answered late, and bookings waited for it.\n"  # noqa: ISC004
                "What we changed: a booking no longer waits for that calendar.",
            ),
        ),
    ),
    Story(
        "Bookings unavailable",
        Impact.MAJOR,
        "bookings",
        ComponentState.PARTIAL_OUTAGE,
        2.6,
        (
            (
                4,
                Stage.INVESTIGATING,
                "More than half of all bookings fail. We are looking into it.",
            ),
            (7, Stage.IDENTIFIED, "A release of ours broke them; we take it back."),
            (9, Stage.MONITORING, "The release is taken back, and bookings go through."),
            (40, Stage.RESOLVED, "Bookings have been well for half an hour."),
        ),
    ),
)


async def tell_customers(board: StatusBoard, clock: PastClock, days: int) -> None:
    """Post it all, oldest first, as if it had been posted then."""
    now = clock.now()
    try:
        for story in STORIES:
            if story.days_ago > days:
                continue
            began = now - timedelta(days=story.days_ago)
            known: str | None = None
            for minutes, stage, text in story.told:
                at = began + timedelta(minutes=minutes)
                clock.set(at)
                touched = {story.component: story.state}
                if known is None:
                    first = StatusPlan(story.title, story.impact, stage, text, _BY, touched)
                    made, _ = await board.post(first, None, "")
                    known = made.id
                else:
                    await board.update(UpdatePlan(known, stage, text, _BY), None, "")
    finally:
        clock.set(None)
