"""Annotations as they stand, and the trail of who did what to them."""

from functools import partial
from typing import Any

from sqlalchemy import Row

from nines.storage import trail
from nines.storage.database import Database
from nines.storage.schema import annotation_events, annotations
from slo.annotation import Annotation, AnnotationPlan


class AnnotationStore(trail.TrailStore[Annotation]):
    """Annotations in the database, undone or not."""

    def __init__(self, database: Database) -> None:
        super().__init__(
            database,
            tables=(annotations, annotation_events),
            to_row=_row,
            from_row=_annotation,
            over=lambda one: one.undone_at or one.plan.end or one.plan.start,
        )


def _row(one: Annotation) -> dict[str, Any]:
    plan = one.plan
    return {
        "id": one.id,
        "service": plan.service,
        "slo": plan.slo,
        "text": plan.text,
        "start": plan.start,
        "end": plan.end,
        "author": plan.author,
        "created_at": one.created_at,
        "undone_at": one.undone_at,
    }


entry_of = partial(trail.entry_of, _row)


def _annotation(row: Row[Any]) -> Annotation:
    plan = AnnotationPlan(row.service, row.slo, row.text, row.start, row.end, row.author)
    return Annotation(row.id, plan, row.created_at, row.undone_at)
