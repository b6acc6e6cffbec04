"""SLOs at moments in the past, counted again from storage and kept for a little while."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from dashboards.source import AsOf, TooMuchError
from nines.entry import Entry
from nines.past import Past
from nines.threads import StorageThreads
from slo.definition import SLO
from slo.exclusion import Overlay

MOST_AS_OF = 1_000  # SLOs at once
_KEPT = 2_000
# What comes late belongs into the answer soon; a page and what it fetches share one.
_KEPT_FOR = timedelta(seconds=15)
_STILL_COMING = timedelta(minutes=2)  # runs that were due by then may not have ended yet


@dataclass(frozen=True, slots=True)
class _Kept:
    slo: SLO
    overlay: Overlay
    made: datetime
    alone: bool  # with lifetime counts
    answer: AsOf


class Memory:
    """Asks the past one question at a time, so that live pages get their turn with storage."""

    def __init__(self, past: Past, threads: StorageThreads) -> None:
        self._past = past
        self._threads = threads
        self._turn = asyncio.Lock()
        self._kept: OrderedDict[tuple[str, datetime], _Kept] = OrderedDict()

    async def recall(self, entries: Sequence[Entry], at: datetime, now: datetime) -> list[AsOf]:
        """These SLOs at `at`, in their order. Only one asked for alone has its lifetime counts.

        Raises TooMuchError when counts are written too fast for them to be told.
        """
        at, alone = self._past.edge(at), len(entries) == 1
        async with self._turn:
            found = {}
            missing = []
            for entry in entries:
                answer = self._find(entry, at, now, alone=alone)
                if answer is None:
                    missing.append(entry)
                else:
                    found[entry.slo.id] = answer
            answers = await self._threads.read(lambda: self._count(missing, at)) if missing else []
            for entry, answer in zip(missing, answers, strict=True):
                found[entry.slo.id] = answer
                overlay = entry.ledger.overlay
                if now - at > _STILL_COMING:
                    self._keep(entry, at, _Kept(entry.slo, overlay, now, alone, answer))
        return [found[entry.slo.id] for entry in entries]

    def _count(self, entries: Sequence[Entry], at: datetime) -> list[AsOf]:
        answers = self._past.as_of(entries, at)
        if len(entries) > 1:
            return answers
        (entry,), (answer,) = entries, answers
        lifetime = self._past.lifetime(entry, at)
        if lifetime is None:
            raise TooMuchError("The counts changed again and again while being read: try again.")
        return [replace(answer, status=replace(answer.status, lifetime=lifetime))]

    def _find(self, entry: Entry, at: datetime, now: datetime, *, alone: bool) -> AsOf | None:
        kept = self._kept.get((entry.slo.id, at))
        if (
            kept is None
            or kept.slo != entry.slo
            or kept.overlay is not entry.ledger.overlay
            or now - kept.made > _KEPT_FOR
            or (alone and not kept.alone)
        ):
            return None
        return kept.answer

    def _keep(self, entry: Entry, at: datetime, kept: _Kept) -> None:
        self._kept[entry.slo.id, at] = kept
        self._kept.move_to_end((entry.slo.id, at))
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
