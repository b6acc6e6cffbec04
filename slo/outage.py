"""Service down: what a probe's runs come to, one after the other."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from slo.alert_state import AlertState, Phase, freeze, step
from slo.rule import DownCheck, FailuresCheck, Rule
from slo.status import Verdict

FAILED, PASSED = "f", "p"  # in `Outage.runs`


@dataclass(frozen=True, slots=True)
class Outage:
    """What the runs have come to. Times are the runs' own due times.

    `first` and `last` are of the failures in a row, of which there are `failures`; `detail` is the
    newest one's sentence. `asked`: a confirming look is under way. `confirmed` is what it saw.
    `passes` are those in a row since the last failure. Where failures are counted among the last
    runs, those are `runs`, oldest first, the newest at `run_at`; then `first` and `failures` are of
    them, `first` by the interval.
    """

    state: AlertState = field(default_factory=AlertState)
    first: datetime | None = None
    last: datetime | None = None
    failures: int = 0
    detail: str = ""
    asked: bool = False
    confirmed: str = ""
    passes: int = 0
    runs: str = ""
    run_at: datetime | None = None

    @property
    def lasted(self) -> timedelta:
        """From the first failure in a row to the last."""
        return timedelta(0) if not self.first or not self.last else self.last - self.first


def failed(
    rule: Rule, check: DownCheck | FailuresCheck, outage: Outage, due: datetime, detail: str
) -> Outage:
    """One more run failed. Where that makes `down_for`, a confirming look is asked for."""
    if isinstance(check, FailuresCheck):
        return _counted(rule, check, outage, due, FAILED, detail)
    after = step(
        outage.state, Verdict.TRUE, due, for_=check.down_for, keep_firing_for=rule.keep_firing_for
    )
    told = Outage(
        state=after,
        first=min(outage.first or due, due),
        last=max(outage.last or due, due),
        failures=outage.failures + 1,
        detail=detail,
        asked=outage.asked,
        confirmed=outage.confirmed,
    )
    if after.phase is Phase.FIRING and outage.state.phase is not Phase.FIRING:
        # It held long enough; whether it still does is for the confirming look to say.
        began = outage.state if outage.state.phase is Phase.PENDING else AlertState(since=due)
        state = replace(began, phase=Phase.PENDING)
        return replace(told, state=_thawed(state, due), asked=True)
    return told


def _thawed(state: AlertState, now: datetime) -> AlertState:
    """The same, pending on, with the time left out in which nothing could be said."""
    if state.frozen_since is None or state.since is None:
        return state
    skipped = max(now - state.frozen_since, timedelta(0))
    return AlertState(state.phase, state.since + skipped)


def passed(rule: Rule, check: DownCheck | FailuresCheck, outage: Outage, due: datetime) -> Outage:
    """A run passed: what was pending is over, and what fires cools down after enough of them."""
    if isinstance(check, FailuresCheck):
        return _counted(rule, check, outage, due, PASSED)
    if outage.first is not None and due < outage.first:
        return outage  # it was due before the first failure, and came in after it
    passes = outage.passes + 1
    if outage.state.phase is Phase.FIRING and passes < check.recovery:
        return replace(outage, passes=passes)
    after = step(
        outage.state, Verdict.FALSE, due, for_=check.down_for, keep_firing_for=rule.keep_firing_for
    )
    if after.phase is Phase.FIRING:
        return replace(outage, state=after, passes=passes)
    return Outage(state=after)


def _counted(
    rule: Rule, check: FailuresCheck, outage: Outage, due: datetime, run: str, detail: str = ""
) -> Outage:
    """One more run among the last `of`; those before a gap as long as all of them are forgotten."""
    gone = outage.run_at is None or due - outage.run_at > check.of * rule.interval
    runs = (("" if gone else outage.runs) + run)[-check.of :]
    failures, passes = runs.count(FAILED), len(runs) - len(runs.rstrip(PASSED))
    fires, cools = outage.state.phase is Phase.FIRING, outage.state.false_since is not None
    first, last = outage.first if fires else None, outage.last
    if failures and first is None:
        first = due - (len(runs) - 1 - runs.index(FAILED)) * rule.interval
    if run == FAILED:
        last = due if last is None else max(last, due)
    is_true = passes < check.recovery and (failures >= check.least or (fires and not cools))
    verdict = Verdict.TRUE if is_true else Verdict.FALSE
    after = step(
        outage.state, verdict, due, for_=timedelta(0), keep_firing_for=rule.keep_firing_for
    )
    if fires and after.phase is not Phase.FIRING:
        return Outage(state=after)  # what is over begins anew
    return Outage(
        state=after,
        first=first,
        last=last,
        failures=failures,
        detail=detail or outage.detail,
        passes=passes,
        runs=runs,
        run_at=due if outage.run_at is None else max(outage.run_at, due),
    )


def unknown(outage: Outage, due: datetime) -> Outage:
    """We could not look: nothing begins or ends, and after the last failure nothing is known."""
    return replace(outage, state=freeze(outage.state, outage.last or due))


def confirm(outage: Outage, verdict: Verdict, at: datetime, detail: str) -> Outage:
    """The confirming look came back: TRUE, it failed too; FALSE, it passed; FROZEN, we failed.

    A look that nobody waits for any more changes nothing.
    """
    if not outage.asked or outage.state.phase is not Phase.PENDING:
        return replace(outage, asked=False)
    match verdict:
        case Verdict.TRUE:
            return replace(
                outage, state=AlertState(Phase.FIRING, at), asked=False, confirmed=detail
            )
        case Verdict.FALSE:
            return Outage()
        case Verdict.FROZEN:
            return replace(outage, asked=False)  # the next failure asks again
