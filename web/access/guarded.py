"""The facts, with each change asked for by somebody who may, in that somebody's name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from alerting.silence import Silence, SilencePlan
from dashboards.logbook import Annotations, Gatekeeping, Logbook, OverridePlan
from dashboards.source import Acknowledged, Source
from slo.annotation import Annotation, AnnotationPlan
from slo.deployment import Deployment, Rollout
from slo.exclusion import Exclusion, Plan, Scope
from slo.gate import Override
from web.access.decision import EVERYWHERE, Owner, Permission, owners_of_matchers
from web.access.guard import asking


class _Guarded:
    """Everything but what is below is the source's own."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as the source has it
        return getattr(self._source, name)

    async def acknowledge(self, incident_id: str, by: str) -> Acknowledged | None:
        await self._demand_of_incident(incident_id)
        return await self._source.acknowledge(incident_id, signed(by))

    async def note(self, incident_id: str, text: str, by: str) -> bool:
        await self._demand_of_incident(incident_id)
        done = await self._source.note(incident_id, text, signed(by))
        if done:
            await _record("incident noted", incident_id, signed(by), {"text": text})
        return done

    async def escalate(self, incident_id: str, by: str) -> Sequence[str] | None:
        await self._demand_of_incident(incident_id)
        told = await self._source.escalate(incident_id, signed(by))
        if told:
            await _record("incident escalated", incident_id, signed(by), {"to": list(told)})
        return told

    async def exclude(self, plan: Plan) -> Exclusion:
        _demand(Permission.EXCLUDE, self._owner_of(plan.scope))
        return await self._source.exclude(replace(plan, author=signed(plan.author)))

    async def end_exclusion(self, exclusion_id: str, by: str) -> Exclusion | None:
        self._demand_of_exclusion(exclusion_id)
        return await self._source.end_exclusion(exclusion_id, signed(by))

    async def undo_exclusion(self, exclusion_id: str, by: str) -> Exclusion | None:
        self._demand_of_exclusion(exclusion_id)
        return await self._source.undo_exclusion(exclusion_id, signed(by))

    async def make_silence(self, plan: SilencePlan, instead_of: str | None = None) -> Silence:
        if instead_of is not None:
            self._demand_of_silence(instead_of)
        for owner in owners_of_matchers(plan.matchers, self._owners()):
            _demand(Permission.SILENCE, owner)
        signed_plan = replace(plan, author=signed(plan.author))
        return await self._source.make_silence(signed_plan, instead_of)

    async def end_silence(self, silence_id: str, by: str) -> Silence | None:
        self._demand_of_silence(silence_id)
        return await self._source.end_silence(silence_id, signed(by))

    async def unpark(self, receiver: str, by: str) -> bool:
        _demand(Permission.TRY, EVERYWHERE)
        done = await self._source.unpark(receiver, signed(by))
        if done:
            await _record("receiver tried again", receiver, signed(by))
        return done

    async def canary(self, receiver: str, by: str) -> bool | None:
        _demand(Permission.TRY, EVERYWHERE)
        sent = await self._source.canary(receiver, signed(by))
        if sent:
            await _record("canary sent", receiver, signed(by))
        return sent

    async def mail_report(self, name: str, period: str | None, by: str) -> str:
        _demand(Permission.TRY, EVERYWHERE)
        said = await self._source.mail_report(name, period, signed(by))
        await _record("report mailed", name, signed(by), {"period": period} if period else None)
        return said

    def logbook(self) -> Logbook:
        return cast(Logbook, _GuardedLogbook(self._source.logbook(), self._owners))

    def gatekeeping(self) -> Gatekeeping:
        return cast(Gatekeeping, _GuardedGate(self._source.gatekeeping(), self._owners))

    def annotations(self) -> Annotations:
        return cast(Annotations, _GuardedAnnotations(self._source.annotations(), self._owners))

    async def _demand_of_incident(self, incident_id: str) -> None:
        detail = await self._source.incident(incident_id)
        if detail is not None:
            _demand(Permission.ACKNOWLEDGE, self._owners().get(detail.incident.service))

    def _demand_of_exclusion(self, exclusion_id: str) -> None:
        for one in self._source.exclusions():
            if one.id == exclusion_id:
                _demand(Permission.EXCLUDE, self._owner_of(one.scope))

    def _demand_of_silence(self, silence_id: str) -> None:
        for one in self._source.silences():
            if one.id == silence_id:
                for owner in owners_of_matchers(one.matchers, self._owners()):
                    _demand(Permission.SILENCE, owner)

    def _owner_of(self, scope: Scope) -> Owner:
        """By labels it holds for whatever service bears them one day: for everybody's."""
        return EVERYWHERE if scope.service is None else self._owners().get(scope.service)

    def _owners(self) -> Mapping[str, str | None]:
        return {card.name: card.owner for card in self._source.services()}


class _GuardedLogbook:
    """Everything but what is below is the logbook's own."""

    def __init__(self, logbook: Logbook, owners: Callable[[], Mapping[str, str | None]]) -> None:
        self._logbook = logbook
        self._owners = owners

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as the logbook has it
        return getattr(self._logbook, name)

    async def deploy(self, rollout: Rollout) -> tuple[Deployment, bool]:
        _demand(Permission.DEPLOY, self._owners().get(rollout.service))
        kept, is_new = await self._logbook.deploy(replace(rollout, by=signed(rollout.by)))
        if is_new:
            told = {"service": rollout.service, "version": rollout.version}
            await _record("deployment told", kept.id, signed(rollout.by), told)
        return kept, is_new


class _GuardedGate:
    """Everything but what is below is the gatekeeping's own; its trail is the record."""

    def __init__(self, gate: Gatekeeping, owners: Callable[[], Mapping[str, str | None]]) -> None:
        self._gate = gate
        self._owners = owners

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as the gatekeeping has it
        return getattr(self._gate, name)

    async def make(self, plan: OverridePlan) -> Override:
        _demand(Permission.DEPLOY, self._owners().get(plan.service))
        return await self._gate.make(replace(plan, author=signed(plan.author)))

    async def end(self, override_id: str, by: str) -> Override | None:
        file = await self._gate.override(override_id)
        if file is not None:
            _demand(Permission.DEPLOY, self._owners().get(file.override.service))
        return await self._gate.end(override_id, signed(by))


class _GuardedAnnotations:
    """Everything but what is below is the annotations' own; their trail is the record."""

    def __init__(
        self, annotations: Annotations, owners: Callable[[], Mapping[str, str | None]]
    ) -> None:
        self._annotations = annotations
        self._owners = owners

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as the annotations have it
        return getattr(self._annotations, name)

    async def make(self, plan: AnnotationPlan) -> Annotation:
        _demand(Permission.ANNOTATE, self._owners().get(plan.service))
        return await self._annotations.make(replace(plan, author=signed(plan.author)))

    async def edit(self, annotation_id: str, text: str, by: str) -> Annotation | None:
        await self._demand_of(annotation_id)
        return await self._annotations.edit(annotation_id, text, signed(by))

    async def undo(self, annotation_id: str, by: str) -> Annotation | None:
        await self._demand_of(annotation_id)
        return await self._annotations.undo(annotation_id, signed(by))

    async def _demand_of(self, annotation_id: str) -> None:
        file = await self._annotations.one(annotation_id)
        if file is not None:
            _demand(Permission.ANNOTATE, self._owners().get(file.annotation.plan.service))


def guarded(source: Source) -> Source:
    """The source, as whoever asks may use it."""
    return cast(Source, _Guarded(source))


def signed(by: str) -> str:
    """Who does it: whoever has signed in, whatever name a form or a program gives."""
    principal = asking().principal
    return principal.name if principal.is_named else by


def _demand(permission: Permission, owner: Owner) -> None:
    asking().demand_for(permission, owner)


async def _record(
    action: str, subject: str, by: str, after: Mapping[str, object] | None = None
) -> None:
    one = asking()
    await one.access.record(replace(one.principal, name=by), action, subject, after)
