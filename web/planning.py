"""What requests that plan something have in common: who, why, and what makes no sense."""

from typing import Annotated

from pydantic import BaseModel, StringConstraints

from slo.planning import PlanError
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


class Author(BaseModel):
    """Who does it."""

    by: Person


def refused(error: PlanError) -> ProblemError:
    """What is wrong with the request, or, where nothing is, with the moment."""
    if error.field:
        return bad_request(f"body.{error.field}", str(error))
    sentence = str(error)
    return ProblemError(409, f"{sentence[:1].upper()}{sentence[1:]}.")
