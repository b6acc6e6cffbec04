"""What requests that plan something have in common: who, why, and what makes no sense."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Protocol, TypeVar

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from slo.planning import PlanError, read_schedule
from slo.recurrence import Schedule
from web.cursor import page_of
from web.problem import ProblemError, bad_request

# Printable, and no more than somebody would read.
Person = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^\P{C}+$"),
]
Reason = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=r"^\P{C}+$"),
]
Word = Annotated[str, StringConstraints(min_length=1, max_length=500)]
LabelValue = Annotated[str, StringConstraints(max_length=500)]

Cursor = Annotated[
    str | None, Query(max_length=4_000, description="`next_cursor` of the page before.")
]
Limit = Annotated[int, Query(ge=1, le=250, description="How many at most.")]


class Dated(Protocol):
    """What was made at some time."""

    @property
    def id(self) -> str: ...
    @property
    def created_at(self) -> datetime: ...


_T = TypeVar("_T", bound=Dated)


class When(BaseModel):
    """It begins at `start` (now, where that is missing) and ends at `end` or after `duration`; with
    `rrule` it recurs. A time without offset from UTC is one of `zone`.
    """

    model_config = ConfigDict(extra="forbid")

    start: Word | None = Field(None, examples=["2026-11-21T22:00", "2026-11-21T22:00Z"])
    end: Word | None = None
    duration: Word | None = Field(None, examples=["2h"])
    rrule: Word | None = Field(None, examples=["FREQ=WEEKLY;BYDAY=SU"])
    zone: Word | None = Field(None, examples=["Europe/Berlin"])

    def schedule(self, now: datetime) -> Schedule:
        """What is asked for. Raises PlanError."""
        return read_schedule(
            start=self.start,
            end=self.end,
            duration=self.duration,
            rrule=self.rrule,
            zone=self.zone,
            now=now,
        )


class Author(BaseModel):
    """Who does it."""

    by: Person


def newest_first(
    found: Sequence[_T], cursor: str | None, limit: int
) -> tuple[Sequence[_T], str | None]:
    """The page of these that the cursor stands for, and the next one's."""
    try:
        return page_of(found, _age, order="newest", cursor=cursor, limit=limit)
    except ValueError as error:
        raise bad_request("query.cursor", str(error)) from None


def _age(one: Dated) -> tuple[float, str]:
    return (-one.created_at.timestamp(), one.id)


@contextmanager
def refusing() -> Iterator[None]:
    """What makes no sense is told as what is wrong with the request."""
    try:
        yield
    except PlanError as error:
        raise refused(error) from None


def refused(error: PlanError) -> ProblemError:
    """What is wrong with the request, or, where nothing is, with the moment."""
    if error.field:
        return bad_request(f"body.{error.field}", str(error))
    sentence = str(error)
    return ProblemError(409, f"{sentence[:1].upper()}{sentence[1:]}.")
