"""Threshold rules under watch: fed by observations, judged as time passes. No I/O."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from alerting.alert import NO_DATA_SEVERITY, AlertChange, AlertKind, Facts, Remark
from alerting.rule_wording import (
    data_again_of_rule,
    facts_of_rule,
    no_data_facts_of_rule,
    passed_remark,
)
from collectors.observation import Observation, Outcome
from nines.findings import Findings
from nines.no_data import why_no_data
from slo.alert_state import AlertState, Phase, freeze, not_after, step
from slo.definition import CounterSLI
from slo.evaluate import silent
from slo.exclusion import NOTHING, Overlay
from slo.exposition import Page
from slo.increment import Increment
from slo.outage import Outage, confirm, failed, passed, unknown
from slo.recent import Recent
from slo.rule import (
    CLEAR,
    NO_DATA,
    DownCheck,
    FailuresCheck,
    GaugeCheck,
    RateCheck,
    Rule,
    RunCheck,
    WindowCheck,
)
from slo.rule_reading import Reading, judge, read_gauge, read_window
from slo.rule_status import RuleStatus
from slo.status import Verdict

# Nobody judged for so long: we slept, and what was pending was not watched to hold.
_UNWATCHED = timedelta(seconds=45)
_VERDICTS = {
    Outcome.PASSED: Verdict.FALSE,
    Outcome.FAILED: Verdict.TRUE,
    Outcome.UNKNOWN: Verdict.FROZEN,
}


@dataclass(slots=True)
class Watched:
    """One rule under watch. `recent` holds what was counted for it, by the counts' ids.

    A count is None there until its first page, which says nothing of the time before it.
    """

    rule: Rule
    watched_from: datetime
    state: AlertState = field(default_factory=AlertState)
    no_data: AlertState = field(default_factory=AlertState)
    outage: Outage = field(default_factory=Outage)
    recent: dict[str, Recent | None] = field(default_factory=dict)
    reading: Reading = field(default_factory=Reading)
    clear: Reading | None = None
    verdict: Verdict = Verdict.FROZEN
    last_seen: datetime | None = None
    judged_at: datetime | None = None
    overlay: Overlay = NOTHING  # planned work, in which nothing begins and what fires ends
    missing: str = ""
    remark: str = ""
    fault: str | None = None  # why our own code could not judge it, when it could not

    @property
    def keys(self) -> tuple[str, str]:
        """The keys of its own rule and of its no-data rule."""
        return self.rule.id, self.rule.id + NO_DATA

    def states(self) -> dict[str, AlertState]:
        """Where both stand, by key."""
        return dict(zip(self.keys, (self.state, self.no_data), strict=True))

    def status(self) -> RuleStatus:
        """What is known of it now."""
        return RuleStatus(
            rule=self.rule,
            at=self.judged_at or self.watched_from,
            reading=self.reading,
            outage=self.outage,
            verdict=self.verdict,
            state=self.state,
            no_data=self.no_data,
            last_seen=self.last_seen,
            missing=self.missing,
            remark=self.remark,
            excluded=self.overlay.at(self.judged_at or self.watched_from) is not None,
        )


@dataclass(frozen=True, slots=True)
class WantedLook:
    """A collector is to run once more out of turn, so soon: what it sees is told to `confirm`."""

    collector_id: str
    after: timedelta


class ThresholdRules:
    """Every threshold rule. `last_of` gives a collector's newest observation; `has_slo` whether
    an SLO is fed by it, which then tells that it went silent; `findings` what looks by other means
    saw.
    """

    def __init__(
        self,
        last_of: Callable[[str], Observation | None],
        has_slo: Callable[[str], bool],
        findings: Findings,
    ) -> None:
        self._last_of = last_of
        self._findings = findings
        self._has_slo = has_slo
        self.watched: dict[str, Watched] = {}  # by the rules' ids
        self._fed_by: dict[str, list[Watched]] = {}
        self._looks: list[WantedLook] = []

    def watch(self, rules: Sequence[Watched]) -> None:
        """Watch exactly these from now on."""
        self.watched = {one.rule.id: one for one in rules}
        self._fed_by = {}
        for one in rules:
            one.outage = replace(one.outage, asked=False)  # whoever was to look may be gone
            self._fed_by.setdefault(one.rule.collector_id, []).append(one)

    def exclude(self, overlay_of: Callable[[Rule], Overlay]) -> None:
        """Planned work as it is known from now on."""
        for one in self.watched.values():
            one.overlay = overlay_of(one.rule)

    def fed_by(self, collector_id: str) -> Sequence[Watched]:
        """The rules that read this collector."""
        return self._fed_by.get(collector_id, [])

    def counters(self, collector_id: str) -> dict[str, CounterSLI]:
        """What is to be counted of this collector's pages, by id."""
        return {
            key: sli
            for one in self.fed_by(collector_id)
            for key, sli in one.rule.counters().items()
        }

    def observe(
        self,
        observation: Observation,
        since: datetime | None,
        increments: Mapping[str, Increment],
        now: datetime,
        awake_since: datetime,
    ) -> list[AlertChange]:
        """Take one observation in; `increments` are what was counted since the page of `since`.

        Of an observation that is older than the last there are none, and its page is not read.
        """
        mine = self.fed_by(observation.collector_id)
        for one in mine:
            if isinstance(one.rule.check, RunCheck):
                self._run(one, one.rule.check, observation)
            elif observation.page is not None:
                _read(one, observation.page, observation.due, since, increments)
        return self._judge_all(mine, now, awake_since)

    def tick(self, now: datetime, awake_since: datetime) -> list[AlertChange]:
        """Judge as time passes, though nothing arrives."""
        return self._judge_all(self.watched.values(), now, awake_since)

    def confirm(
        self, observation: Observation, now: datetime, awake_since: datetime
    ) -> list[AlertChange | Remark]:
        """A look that was asked for came back. It is evidence, and counts for nothing else."""
        told: list[AlertChange | Remark] = []
        waiting = [one for one in self.fed_by(observation.collector_id) if one.outage.asked]
        for one in waiting:
            verdict, before = _VERDICTS[observation.outcome], one.outage
            one.outage = confirm(before, verdict, now, observation.detail)
            if verdict is Verdict.FALSE and before.state.phase is Phase.PENDING:
                one.remark = passed_remark(one.rule, before, now)
                if not one.rule.shadow:
                    told.append(Remark(one.rule.service, now, one.remark))
        return [*told, *self._judge_all(waiting, now, awake_since)]

    def take_looks(self) -> list[WantedLook]:
        """The looks that are wanted since the last call, each collector's once."""
        looks, self._looks = self._looks, []
        return list(dict.fromkeys(looks))

    def pull_back(self, now: datetime) -> None:
        """The clock was set back: nothing began later than now, and rates begin anew."""
        for one in self.watched.values():
            one.state, one.no_data = not_after(one.state, now), not_after(one.no_data, now)
            outage = one.outage
            one.outage = replace(
                outage,
                state=not_after(outage.state, now),
                first=outage.first and min(outage.first, now),
                last=outage.last and min(outage.last, now),
                run_at=outage.run_at and min(outage.run_at, now),
            )
            one.recent = dict.fromkeys(one.recent)
            one.watched_from = min(one.watched_from, now)
            one.last_seen = one.last_seen and min(one.last_seen, now)
            one.judged_at = one.judged_at and min(one.judged_at, now)

    def absent(self, collector_id: str, since: datetime) -> None:
        """Nobody looked from `since` on: no time that anything held."""
        for one in self.fed_by(collector_id):
            one.state = freeze(one.state, since)
            one.outage = unknown(one.outage, since)

    def states(self) -> dict[str, AlertState]:
        """Every rule's state by rule key."""
        return {key: state for one in self.watched.values() for key, state in one.states().items()}

    def firing(self, now: datetime) -> dict[str, AlertChange]:
        """What there is to say of every rule that fires, by rule key."""
        return {
            key: self._change(one, key, firing=True, now=now)
            for one in self.watched.values()
            for key, state in one.states().items()
            if state.phase is Phase.FIRING
        }

    def present_facts(self) -> dict[str, Facts]:
        """The facts of every rule that fires, as of its newest judgement."""
        return {
            key: self._facts(one, key, firing=True)
            for one in self.watched.values()
            for key, state in one.states().items()
            if state.phase is Phase.FIRING
        }

    def _run(self, one: Watched, check: RunCheck, observation: Observation) -> None:
        asked = one.outage.asked
        match observation.outcome:
            case Outcome.FAILED if one.overlay.at(observation.due) is not None:
                one.outage = passed(one.rule, check, one.outage, observation.due)
            case Outcome.FAILED:
                one.outage = failed(
                    one.rule, check, one.outage, observation.due, observation.detail
                )
            case Outcome.PASSED:
                one.outage = passed(one.rule, check, one.outage, observation.due)
            case Outcome.UNKNOWN:
                one.outage = unknown(one.outage, observation.due)
        if observation.outcome is not Outcome.UNKNOWN:
            one.last_seen = max(one.last_seen or observation.due, observation.due)
        one.verdict = _VERDICTS[observation.outcome]
        if one.outage.asked and not asked and isinstance(check, DownCheck):
            self._looks.append(WantedLook(observation.collector_id, check.recheck))

    def _judge_all(
        self, rules: Iterable[Watched], now: datetime, awake_since: datetime
    ) -> list[AlertChange]:
        changes: list[AlertChange] = []
        for one in rules:
            try:
                changes += self._judge(one, now, awake_since)
            except Exception as error:  # noqa: BLE001 - one that cannot be judged silences no other
                one.fault = f"{type(error).__name__}: {error}"
            else:
                one.fault = None
        return changes

    def _judge(self, one: Watched, now: datetime, awake_since: datetime) -> list[AlertChange]:
        before = one.states()
        if isinstance(one.rule.check, RunCheck):
            one.state = one.outage.state  # its time is that of the runs
        else:
            one.state = _judged(one, now)
        one.no_data = step(
            one.no_data,
            self._silence(one, now, awake_since),
            now,
            for_=timedelta(0),
            keep_firing_for=timedelta(0),
        )
        one.judged_at = now
        return [
            self._change(one, key, firing=is_firing, now=now)
            for key, state in one.states().items()
            if (is_firing := state.phase is Phase.FIRING) != (before[key].phase is Phase.FIRING)
        ]

    def _silence(self, one: Watched, now: datetime, awake_since: datetime) -> Verdict:
        """Whether to say that nothing comes; what an SLO says already is not said twice."""
        collector_id, since = one.rule.collector_id, max(one.watched_from, awake_since)
        verdict = silent(one.rule.no_data_after, one.last_seen, now, since, one.overlay)
        last = self._last_of(collector_id)
        # It answered, and not with what this rule reads: no SLO of it would say so.
        answers = (
            last is not None
            and last.outcome is Outcome.PASSED
            and (one.last_seen is None or last.due > one.last_seen)
        )
        if verdict is Verdict.TRUE and not answers and self._has_slo(collector_id):
            return Verdict.FROZEN
        return verdict

    def _change(self, one: Watched, key: str, *, firing: bool, now: datetime) -> AlertChange:
        rule = one.rule
        kind, severity = AlertKind.THRESHOLD, rule.severity
        if key != rule.id:
            kind, severity = AlertKind.NO_DATA, NO_DATA_SEVERITY
        facts = self._facts(one, key, firing=firing)
        return AlertChange(
            key, rule.service, rule.name, kind, severity, firing, now, facts, rule.shadow
        )

    def _facts(self, one: Watched, key: str, *, firing: bool) -> Facts:
        if key == one.rule.id:
            facts, first = facts_of_rule(one.status()), one.outage.first
            if first is None:
                return facts
            return replace(facts, found=self._findings.since(one.rule.collector_id, first))
        if not firing:
            return data_again_of_rule(one.rule)
        why = why_no_data(self._last_of(one.rule.collector_id), one.missing)
        now = one.judged_at or one.watched_from
        return no_data_facts_of_rule(one.rule, one.last_seen, now, *why)


def _judged(one: Watched, now: datetime) -> AlertState:
    """The state after one more look at what is known; of all but outages."""
    rule, check = one.rule, one.rule.check
    if not isinstance(check, GaugeCheck | RunCheck):
        at_limit, at_clear = one.recent.get(rule.id), one.recent.get(rule.id + CLEAR)
        if at_limit is not None:
            one.reading = read_window(check, at_limit, now, one.last_seen)
        if at_clear is not None:
            one.clear = read_window(check, at_clear, now, one.last_seen)
    state = one.state
    if one.judged_at is not None and now - one.judged_at > _UNWATCHED:
        state = freeze(state, one.judged_at)
    fires = state.phase is Phase.FIRING and state.false_since is None
    one.verdict = judge(rule, one.reading, now, firing=fires, clear=one.clear)
    if one.overlay.at(now) is not None:
        one.verdict = Verdict.FALSE
    return step(state, one.verdict, now, for_=rule.for_, keep_firing_for=rule.keep_firing_for)


def _read(
    one: Watched,
    page: Page,
    due: datetime,
    since: datetime | None,
    increments: Mapping[str, Increment],
) -> None:
    """Take in what a page says."""
    match one.rule.check:
        case DownCheck() | FailuresCheck():
            return
        case GaugeCheck() as check:
            seen = read_gauge(check, page, due)
            if seen.seen_at is not None and (one.last_seen is None or due > one.last_seen):
                one.reading, one.last_seen = seen, due
            one.missing = "" if seen.seen_at is not None else _lacking(one.rule, page)
        case check:
            for key in one.rule.counters():
                if key in increments:
                    _count(one, key, check, since, due, _begun(check, increments[key]))
            counted = increments.get(one.rule.id)
            if counted is not None:
                has_data = _begun(check, counted).data
                one.missing = "" if has_data else counted.missing or _lacking(one.rule, page)


def _begun(check: WindowCheck, increment: Increment) -> Increment:
    """The same; a counter of rare events that is not on the page yet counted none."""
    if isinstance(check, RateCheck) and not increment.missing:
        return replace(increment, data=True)
    return increment


def _count(
    one: Watched,
    key: str,
    check: WindowCheck,
    since: datetime | None,
    due: datetime,
    increment: Increment,
) -> None:
    """Add what was counted between two pages; the first only tells where to count from."""
    if increment.data and key == one.rule.id:
        one.last_seen = due
    if since is not None and one.overlay.between(since, due):
        since = None  # the time between two pages counts as a whole or not at all
    recent = one.recent.get(key)
    one.recent[key] = Recent(check.over) if recent is None else recent.added(since, due, increment)


def _lacking(rule: Rule, page: Page) -> str:
    wanted = ", ".join(dict.fromkeys(str(one) for one in rule.sources()))
    return f"the page of {page.lines:,} lines has no series for {wanted}"
