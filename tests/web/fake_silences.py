"""Silences made by hand, as a part of the fake source; decided on by the real rules."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from alerting.alert import Alert
from alerting.service import Service, labels_of
from alerting.silence import Labelled, Silence, SilencePlan, muted, would_have_muted
from dashboards.source import IncidentDetail, SilenceFile
from nines.silences import Change, Silences, Terms, changed, ended, made
from slo.audit import AuditEntry


@dataclass
class FakeSilences:
    """Keeps what it is told; its alerts are those of the fake source's incidents."""

    silenced: Silences = field(default_factory=Silences)
    silence_trail: list[AuditEntry] = field(default_factory=list)
    silenced_at: datetime = field(kw_only=True)
    details: dict[str, IncidentDetail] = field(default_factory=dict)

    def silences(self) -> Sequence[Silence]:
        return list(self.silenced.by_id.values())[::-1]

    def active_silences(self) -> int:
        return sum(1 for _ in self.silenced.active(self.silenced_at))

    def muted_alerts(self) -> int:
        who = self.silenced.suppressors(self.silenced_at)
        return sum(1 for one in self._alerts() if one.alert.firing and who(one.labels))

    async def silence(self, silence_id: str) -> SilenceFile | None:
        found = self.silenced.by_id.get(silence_id)
        if found is None:
            return None
        trail = tuple(one for one in self.silence_trail if one.subject_id == silence_id)
        return replace(self._seen(found), trail=trail)

    async def try_silence(self, plan: SilencePlan) -> SilenceFile:
        return self._seen(made(plan, self._silence_terms(), self.silenced)[0])

    async def make_silence(self, plan: SilencePlan, instead_of: str | None = None) -> Silence:
        terms = self._silence_terms()
        if instead_of is None:
            return self._took([made(plan, terms, self.silenced)])
        return self._took(changed(self.silenced.by_id[instead_of], plan, terms, self.silenced))

    async def end_silence(self, silence_id: str, by: str) -> Silence | None:
        found = self.silenced.by_id.get(silence_id)
        return None if found is None else self._took([ended(found, by, self.silenced_at)])

    def _seen(self, silence: Silence) -> SilenceFile:
        firing = [one for one in self._alerts() if one.alert.firing]
        week = would_have_muted(silence, self._alerts())
        return SilenceFile(silence, (), muted(silence, firing), week)

    def _alerts(self) -> Iterable[Labelled]:
        found: list[Alert] = [one for detail in self.details.values() for one in detail.alerts]
        return [Labelled(one, labels_of(one, Service(one.service, ""))) for one in found]

    def _silence_terms(self) -> Terms:
        number = len(self.silenced.by_id) + 1
        return Terms(self.silenced_at, lambda: f"silence-{number}")

    def _took(self, changes: Sequence[Change]) -> Silence:
        self.silenced = self.silenced.after(changes)
        self.silence_trail += [entry for _, entry in changes]
        return changes[0][0]
