"""Keep what people remark on services and SLOs."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from alerting.delivery import Run
from dashboards.logbook import AnnotationFile
from nines.storage.annotations import entry_of
from nines.trailed import Trailed
from slo.annotation import Annotation, AnnotationPlan, judged
from slo.planning import PlanError


class Annotations:
    """Implements dashboards.logbook.Annotations."""

    def __init__(
        self,
        store: Trailed[Annotation],
        *,
        read: Run,
        write: Run,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        slos: Callable[[], Mapping[str, Sequence[str]]],
        changed: Callable[[str], None],
    ) -> None:
        """`slos` are the names of each service's SLOs; `changed` is told which has news."""
        self._store = store
        self._read = read
        self._write = write
        self._now = now
        self._new_id = new_id
        self._slos = slos
        self._changed = changed

    async def every(self) -> Sequence[Annotation]:
        found = await self._read(self._store.all)
        return found[::-1]

    async def one(self, annotation_id: str) -> AnnotationFile | None:
        for found in await self.every():
            if found.id == annotation_id:
                trail = await self._read(lambda: self._store.trail(annotation_id))
                return AnnotationFile(found, tuple(trail))
        return None

    async def make(self, plan: AnnotationPlan) -> Annotation:
        slos, now = self._slos(), self._now()
        if plan.service not in slos:
            raise PlanError("service", f"there is no service {plan.service[:400]!r}")
        if plan.slo is not None and plan.slo not in slos[plan.service]:
            raise PlanError("slo", f"{plan.service} has no SLO {plan.slo[:400]!r}")
        made = Annotation(self._new_id(), judged(plan, now), now)
        await self._keep(None, made, "created", plan.author)
        return made

    async def edit(self, annotation_id: str, text: str, by: str) -> Annotation | None:
        return await self._change(annotation_id, lambda one: one.edited(text), "changed", by)

    async def undo(self, annotation_id: str, by: str) -> Annotation | None:
        now = self._now()
        return await self._change(annotation_id, lambda one: one.undone(now), "undone", by)

    async def _change(
        self, annotation_id: str, act: Callable[[Annotation], Annotation], word: str, by: str
    ) -> Annotation | None:
        file = await self.one(annotation_id)
        if file is None:
            return None
        after = act(file.annotation)
        await self._keep(file.annotation, after, word, by)
        return after

    async def _keep(self, before: Annotation | None, after: Annotation, word: str, by: str) -> None:
        entry = entry_of(before, after, at=self._now(), by=by, action=word)
        await self._write(lambda: self._store.write([(after, entry)]))
        self._changed(after.plan.service)
