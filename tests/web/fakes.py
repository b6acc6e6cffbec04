"""A source of facts made by hand: SLOs in every state, two services, incidents, ugly names."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache

from alerting.alert import Alert, AlertKind, Facts
from alerting.canary import Canary
from alerting.desk import in_vain
from alerting.destination import Destination
from alerting.incident import EventKind, Incident, IncidentEvent, IncidentState
from alerting.incident_times import IncidentTimes, times_of
from alerting.notification import (
    AlertLine,
    Attempt,
    AttemptOutcome,
    Message,
    Notification,
    NotificationKind,
    NotificationState,
)
from alerting.routes import Route, Terms
from alerting.shadow import ShadowSummary
from alerting.suppressor import Suppressor, SuppressorKind
from alerting.way import Way, ways
from alerting.wording import NoDataCause
from collectors.observation import Cause, Observation, Outcome
from collectors.observation import Phase as RunPhase
from dashboards.glance import Roll, roll_of
from dashboards.receivers_page import ReceiverStanding
from dashboards.report_posting import (
    Posting,
    PostingState,
    ReportMailError,
    ReportMailStanding,
)
from dashboards.source import (
    Acknowledged,
    Aftermath,
    AsOf,
    ByVersion,
    Change,
    CollectorHealth,
    Fired,
    IncidentDetail,
    IncidentPage,
    Point,
    ServiceCard,
    SystemHealth,
    WhyFile,
)
from slo.alert_state import AlertState, Phase
from slo.budget_ledger import BudgetLedger, budget_ledger, occurrences
from slo.counts import Counts, WindowCounts
from slo.definition import SLO, EventsSLI, ProbeSLI
from slo.digest import Sheet
from slo.evaluate import told_at
from slo.ledger import BucketDelta, Ledger
from slo.objective import Objective
from slo.outage import Outage
from slo.outlook import Outlook, end_of
from slo.recent import Sums
from slo.rule import Rule
from slo.rule_reading import Reading
from slo.rule_status import RuleStatus
from slo.selector import parse_matchers, parse_selector
from slo.severity import Severity
from slo.slice_history import SliceHistory, slice_history
from slo.status import (
    Budget,
    BudgetState,
    Burn,
    Forecast,
    NowState,
    SLOStatus,
    TierReading,
    Verdict,
)
from slo.tiers import Tier, default_tiers
from slo.units import format_duration
from slo.versions import Definition, Version, history
from slo.window import Rolling
from tests.slo.rules import a_rule
from tests.web.fake_aftermath import aftermath_of
from tests.web.fake_exclusions import FakeExclusions
from tests.web.fake_logbook import FakeLogbook
from tests.web.fake_silences import FakeSilences
from tests.web.fake_why import fired_of, named_of, why_of

NOW = datetime(2026, 11, 21, 12, 0, 7, tzinfo=UTC)
MONTH = timedelta(days=30)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
MARKUP = '<img src=x onerror="alert(1)">&amp;\'{{7*7}}'
LONG = "a-name-of-two-hundred-characters-" + "x" * 167

# An instant of one window: good, bad, unknown events.
Triple = tuple[int, int, int]


def make_slo(
    service: str, name: str, percent: str = "99.9", window: timedelta = MONTH, *, probe: bool = True
) -> SLO:
    """An SLO with the default tiers, fed by the service's probe `health` or scrape `metrics`."""
    objective = Objective(Decimal(percent) / 100)
    return SLO(
        service=service,
        name=name,
        objective=objective,
        window=Rolling(window),
        sli=ProbeSLI("health")
        if probe
        else EventsSLI(
            "metrics",
            total=(parse_selector("http_requests_total"),),
            bad=(parse_selector('http_requests_total{code=~"5.."}'),),
        ),
        tiers=default_tiers(objective, window),
        interval=timedelta(seconds=10),
        no_data_after=timedelta(minutes=2),
    )


def make_status(
    slo: SLO,
    window: Triple,
    *,
    budget_state: BudgetState,
    now_state: NowState = NowState.OK,
    recent: Mapping[timedelta, Triple] | None = None,
    coverage: tuple[int, int] = (259_000, 259_200),
    forecast: Forecast | None = None,
    causes: Mapping[str, int] | None = None,
    lifetime: Triple | None = None,
    last_observation: datetime | None = NOW - timedelta(seconds=4),
) -> SLOStatus:
    """A status whose ratios, budget, burns and tiers all follow from the counts given.

    `recent` are the counts of short lookbacks; where one is missing, the next shorter one's
    bad events stand in, amid the window's traffic.
    """
    counts = Counts(*window)
    lookbacks = {timedelta(minutes=5), HOUR}
    for tier in slo.tiers:
        lookbacks |= {tier.long, tier.short}
    burns: dict[timedelta, Burn] = {}
    bad, unknown = 0, 0
    for lookback in sorted(lookbacks):
        if recent is not None and lookback in recent:
            part = Counts(*recent[lookback])
            bad, unknown = part.bad, part.unknown
        else:
            total = max(bad, counts.total * (lookback // MINUTE) // (slo.window.length // MINUTE))
            part = Counts(total - bad, bad, unknown)
        burns[lookback] = _burn(slo, lookback, part)
    everything = counts.total + counts.unknown
    return SLOStatus(
        slo=slo,
        at=NOW,
        window=WindowCounts(counts, counts, *coverage),
        sli=counts.good_ratio,
        sli_bounds=(
            Fraction(counts.good, everything),
            Fraction(counts.good + counts.unknown, everything),
        )
        if everything
        else None,
        budget=Budget(slo.objective.budget_share * counts.total, counts.bad)
        if counts.total
        else None,
        burns=tuple(burns.values()),
        tiers=tuple(_reading(tier, burns[tier.long], burns[tier.short]) for tier in slo.tiers),
        forecast=forecast or Forecast(known=counts.total > 0),
        budget_state=budget_state,
        now_state=now_state,
        lifetime=Counts(*(lifetime or window)),
        last_observation=last_observation,
        watched_since=NOW - 2 * MONTH if everything else None,
        causes=causes or {},
    )


def _burn(slo: SLO, lookback: timedelta, counts: Counts) -> Burn:
    ratio = counts.bad_ratio
    seen = lookback // slo.interval if counts.total else 0
    return Burn(
        lookback,
        WindowCounts(counts, counts, seen, lookback // slo.interval),
        None if ratio is None else ratio / slo.objective.budget_share,
    )


def _reading(tier: Tier, long: Burn, short: Burn) -> TierReading:
    limit = f"{float(tier.factor):.4g}x"
    if long.rate is None or short.rate is None:
        return TierReading(
            tier,
            long,
            short,
            Verdict.FROZEN,
            f"only 0 of about {tier.short // timedelta(seconds=10)} observations of the last "
            f"{format_duration(tier.short)} came: too few to judge",
        )
    true = long.rate > tier.factor and short.rate > tier.factor
    reason = (
        f"burning {float(long.rate):.4g}x over {format_duration(tier.long)} and "
        f"{float(short.rate):.4g}x over {format_duration(tier.short)}, both above {limit}"
        if true
        else f"burning {float(long.rate):.4g}x over {format_duration(tier.long)}, not above {limit}"
    )
    return TierReading(
        tier,
        long,
        short,
        Verdict.TRUE if true else Verdict.FALSE,
        reason,
        likelihood=1.2e-9 if true else None,
        enough_bad=None if true else 2,
    )


def _statuses() -> tuple[SLOStatus, ...]:
    five, half, day = 5 * MINUTE, 30 * MINUTE, timedelta(days=1)
    return (
        make_status(
            make_slo("shop", "checkout"),
            (258_740, 210, 3),
            budget_state=BudgetState.AT_RISK,
            now_state=NowState.BURNING_FAST,
            recent={five: (20, 10, 0), half: (145, 35, 0), HOUR: (318, 42, 0)},
            forecast=Forecast(known=True, at=NOW + timedelta(hours=1, minutes=7)),
            causes={"status": 180, "timeout": 28, "tls": 2},
            lifetime=(518_000, 260, 11),
        ),
        make_status(
            make_slo("shop", "search-latency", "95", probe=False),
            (45_210_334, 1_904_127, 0),
            budget_state=BudgetState.AT_RISK,
            now_state=NowState.BURNING,
            recent={
                five: (4_000, 900, 0),
                HOUR: (55_000, 10_600, 0),
                2 * HOUR: (109_000, 21_500, 0),
                day: (1_200_000, 231_000, 0),
            },
            forecast=Forecast(known=True, at=NOW + timedelta(days=2, hours=4)),
            causes={"latency": 1_904_127},
        ),
        make_status(
            make_slo("shop", "payments", "99.99"),
            (1_999_000, 1_000, 0),
            budget_state=BudgetState.EXHAUSTED,
            forecast=Forecast(known=True, at=NOW),
            causes={"connect": 1_000},
        ),
        make_status(
            make_slo("shop", "login", "99.5"),
            (258_000, 1_900, 0),
            budget_state=BudgetState.EXHAUSTED,
            now_state=NowState.BURNING,
            recent={five: (28, 2, 0), half: (170, 10, 0), HOUR: (340, 20, 0), day: (8_300, 340, 0)},
            forecast=Forecast(known=True, at=NOW),
            causes={"status": 1_200, "body": 700},
        ),
        make_status(
            make_slo("shop", "catalogue"),
            (259_190, 10, 0),
            budget_state=BudgetState.HEALTHY,
            causes={"timeout": 10},
            lifetime=(9_007_199_254_740_993, 10, 0),
        ),
        make_status(
            make_slo("shop", MARKUP),
            (259_100, 60, 40),
            budget_state=BudgetState.HEALTHY,
            now_state=NowState.RECOVERING,
            recent={five: (30, 0, 0), half: (179, 1, 0), HOUR: (354, 6, 0)},
            causes={"status": 60},
        ),
        make_status(
            make_slo("petuniverse-api", "availability"),
            (4_320, 0, 0),
            budget_state=BudgetState.LEARNING,
            coverage=(4_320, 4_330),
        ),
        make_status(
            make_slo("petuniverse-api", "uploads", probe=False),
            (0, 0, 0),
            budget_state=BudgetState.NO_DATA,
            now_state=NowState.STALE,
            coverage=(0, 0),
            last_observation=None,
        ),
        make_status(
            make_slo("petuniverse-api", "images", "99", timedelta(days=7)),
            (58_000, 100, 2_380),
            budget_state=BudgetState.HEALTHY,
            now_state=NowState.STALE,
            recent={five: (0, 0, 30), HOUR: (0, 0, 360)},
            coverage=(58_100, 60_480),
            last_observation=NOW - timedelta(minutes=14),
            forecast=Forecast(known=False),
            causes={"dns": 100},
        ),
        make_status(
            make_slo("petuniverse-api", LONG, "99.95"),
            (259_140, 60, 0),
            budget_state=BudgetState.HEALTHY,
            causes={"assertion": 60},
        ),
        make_status(
            make_slo("petuniverse-api", "database"),
            (258_960, 240, 0),
            budget_state=BudgetState.AT_RISK,
            causes={"assertion": 240},
        ),
    )


def make_rule_status(
    rule: Rule,
    phase: Phase = Phase.INACTIVE,
    *,
    reading: Reading | None = None,
    outage: Outage | None = None,
    silent: bool = False,
    missing: str = "",
    remark: str = "",
) -> RuleStatus:
    """A rule at NOW that stands like this since nine minutes; `silent` since two."""
    true = phase is not Phase.INACTIVE
    seen_at = None if silent else NOW - 4 * SECOND
    return RuleStatus(
        rule=rule,
        at=NOW,
        reading=reading or Reading(seen_at=seen_at),
        outage=outage or Outage(),
        verdict=Verdict.FROZEN if silent else Verdict.TRUE if true else Verdict.FALSE,
        state=AlertState(phase, NOW - 9 * MINUTE if true else None),
        no_data=AlertState(Phase.FIRING, NOW - 2 * MINUTE) if silent else AlertState(),
        last_seen=seen_at,
        missing=missing,
        remark=remark,
    )


def _rules() -> tuple[RuleStatus, ...]:
    """One rule of the shop in each state."""
    cpu = a_rule("cpu", collector="metrics", metric="cpu", above="70%", for_="5m", by=["instance"])
    disk = a_rule("disk", collector="metrics", metric="disk_free", below="20%")
    lost = a_rule("lost", collector="metrics", counter="lost_total", over="5m", above="12/m")
    down = a_rule("down", probe="health", down_for="1m", severity="page")
    hot = (("instance=" + MARKUP, 0.832), ("instance=b", 0.71), ("instance=c", 0.2))
    return (
        make_rule_status(
            cpu,
            Phase.FIRING,
            reading=Reading(value=0.832, series=hot, beyond=2, found=3, seen_at=NOW - 4 * SECOND),
        ),
        make_rule_status(
            disk,
            silent=True,
            missing="the page of 12 lines has no series for disk_free",
        ),
        make_rule_status(
            lost,
            reading=Reading(
                value=Fraction(3, 5), sums=Sums(5 * MINUTE, 0, 3), seen_at=NOW - 4 * SECOND
            ),
        ),
        make_rule_status(
            down,
            Phase.PENDING,
            outage=Outage(
                AlertState(Phase.PENDING, NOW - 30 * SECOND),
                first=NOW - 30 * SECOND,
                last=NOW,
                failures=4,
                detail="connection refused",
            ),
            remark="down: a confirming look at 11:20:01 UTC passed after 7 failures in 1 min",
        ),
    )


def _tier_states(status: SLOStatus) -> dict[str, AlertState]:
    states = {
        reading.tier.key: AlertState(Phase.FIRING, NOW - timedelta(minutes=9))
        if reading.verdict is Verdict.TRUE
        else AlertState()
        for reading in status.tiers
    }
    stale = status.now_state is NowState.STALE
    states["no_data"] = AlertState(Phase.FIRING, NOW - 12 * MINUTE) if stale else AlertState()
    return states


def _observation(collector_id: str, ago: int, outcome: Outcome = Outcome.PASSED) -> Observation:
    due = NOW - timedelta(seconds=ago)
    failed = outcome is Outcome.FAILED
    return Observation(
        collector_id=collector_id,
        due=due,
        started=due + timedelta(milliseconds=2),
        lateness=timedelta(milliseconds=2),
        duration=timedelta(milliseconds=148),
        outcome=outcome,
        cause=Cause.STATUS if failed else None,
        phase=RunPhase.JUDGE if failed else None,
        detail={
            Outcome.PASSED: "",
            Outcome.FAILED: f"answered 503 Service Unavailable {MARKUP}, 200 to 299 was expected",
            Outcome.UNKNOWN: "no file descriptor was left to open a socket",
        }[outcome],
        phases={
            RunPhase.RESOLVE: timedelta(milliseconds=3),
            RunPhase.CONNECT: timedelta(milliseconds=20),
            RunPhase.TLS: timedelta(milliseconds=45),
            RunPhase.PROCESSING: timedelta(milliseconds=70),
            RunPhase.TRANSFER: timedelta(milliseconds=10),
        },
        http_status=503 if failed else 200,
        http_version="HTTP/1.1",
        body_bytes=512,
        tls_version="TLSv1.3",
        certificate_expires=NOW + timedelta(days=41, hours=3),
        leaf_expires=NOW + timedelta(days=60),
        verified_chain_expires=NOW + timedelta(days=50),
        first_to_expire="an intermediate",
        address="192.0.2.7:443",
    )


def _collectors() -> tuple[CollectorHealth, ...]:
    ten = timedelta(seconds=10)
    return (
        CollectorHealth(
            id="shop/health",
            kind="http",
            target="https://shop.example/api/health",
            interval=ten,
            last=_observation("shop/health", 4, Outcome.FAILED),
            lateness=timedelta(milliseconds=2),
            recent=tuple(
                _observation("shop/health", 4 + 10 * n, Outcome.FAILED if n < 3 else Outcome.PASSED)
                for n in range(100)
            ),
            runs={"passed": 258_740, "failed": 210, "unknown": 3},
        ),
        CollectorHealth(
            id="shop/metrics",
            kind="prometheus",
            target="https://shop.example/metrics",
            interval=ten,
            last=_observation("shop/metrics", 6),
            lateness=timedelta(0),
            recent=(_observation("shop/metrics", 6),),
            runs={"passed": 12_000},
        ),
        CollectorHealth(
            id="petuniverse-api/health",
            kind="http",
            target=f"https://pets.example/api/health?{MARKUP}",
            interval=ten,
            last=_observation("petuniverse-api/health", 8, Outcome.UNKNOWN),
            lateness=timedelta(seconds=31),
            recent=(_observation("petuniverse-api/health", 8, Outcome.UNKNOWN),),
            runs={"passed": 58_100, "failed": 100, "unknown": 2_380},
        ),
        CollectorHealth(
            id="petuniverse-api/metrics",
            kind="prometheus",
            target="https://pets.example/metrics",
            interval=timedelta(seconds=15),
            last=None,
            lateness=None,
            recent=(),
            runs={},
        ),
    )


# A probe each ten seconds. In each 41 hours: an hour unknown, and twelve failures in three outages,
# which is what `checkout` has lost in its window.
_CYCLE, _UNKNOWN = 41 * 360, range(360)
_OUTAGES = (range(5_000, 5_007), range(11_500, 11_501), range(12_950, 12_954))


def _counts_before(at: datetime) -> Counts:
    """All events before a moment; NOW stands at bucket 13,000 of its cycle."""
    ten = timedelta(seconds=10)
    buckets = (at - NOW.replace(second=0)) // ten + 13_000 + 1_000_000 * _CYCLE
    cycles, rest = divmod(buckets, _CYCLE)

    def within(stretch: range) -> int:
        return cycles * len(stretch) + min(max(rest - stretch.start, 0), len(stretch))

    unknown, bad = within(_UNKNOWN), sum(within(outage) for outage in _OUTAGES)
    return Counts(buckets - unknown - bad, bad, unknown)


def _buckets(start: datetime, end: datetime, width: timedelta) -> Iterator[BucketDelta]:
    """The counts of [start, end) as storage keeps them; each event was one observation."""
    before = _counts_before(start)
    while start < end:
        after = _counts_before(min(start + width, end))
        yield BucketDelta(
            int(start.timestamp()),
            good := after.good - before.good,
            bad := after.bad - before.bad,
            unknown := after.unknown - before.unknown,
            seen=good + bad,
            missed=unknown,
        )
        start, before = start + width, after


@cache
def _ledger_until(at: datetime, length: timedelta) -> Ledger:
    ledger = Ledger(10, length)
    for width in ledger.widths:
        reach = min(length, {10: 6 * HOUR, 60: timedelta(days=3)}.get(width, length))
        # From a full hour before the window on, so on its grid.
        first = at - timedelta(seconds=int(at.timestamp()) % 3_600) - reach - HOUR
        rows = [(one.bucket, *one.columns()) for one in _buckets(first, at, width * SECOND)]
        ledger.load(width, rows)
    ledger.last_observation = at - timedelta(seconds=4)
    ledger.watched_since = NOW - 2 * MONTH
    return ledger


def _services(statuses: Sequence[SLOStatus]) -> tuple[ServiceCard, ...]:
    def ids(service: str) -> tuple[str, ...]:
        return tuple(status.slo.id for status in statuses if status.slo.service == service)

    return (
        ServiceCard(
            name="shop",
            title="Coupon shop <b>& checkout</b>",
            owner="shop-team",
            runbook="https://runbooks.example/shop",
            labels={"tier": "1", "env": "prod"},
            slo_ids=ids("shop"),
            collectors=("shop/health", "shop/metrics"),
        ),
        ServiceCard(
            name="petuniverse-api",
            title="PetUniverse API",
            owner=None,
            runbook=None,
            labels={},
            slo_ids=ids("petuniverse-api"),
            collectors=("petuniverse-api/health", "petuniverse-api/metrics"),
        ),
    )


def _facts(headline: str) -> Facts:
    return Facts(
        headline=headline,
        reason="burning 116.7x over 1h and 333.3x over 5m, both above 14.4x",
        objective="99.9",
        window="30d",
        long="1h",
        short="5m",
        factor=14.4,
        burn_long=116.66666666666667,
        burn_short=333.3333333333333,
        bad=42,
        total=360,
        long_spent_ratio=0.16203703703703703,
        budget_left_ratio=0.18902297740876617,
        budget_left_seconds=489.9,
        exhausts_at=NOW + timedelta(hours=1, minutes=7),
        lasts=False,
        top_cause="status: 40 of 42 failures",
    )


def make_incident(
    number: int, service: str, slo: str, state: IncidentState, severity: Severity = Severity.PAGE
) -> IncidentDetail:
    """An incident `number` hours old, with an alert, a timeline and one delivered notification."""
    opened = NOW - number * HOUR
    over = state is IncidentState.RESOLVED
    acknowledged = state is not IncidentState.TRIGGERED
    incident = Incident(
        id=f"INC{number:04d}",
        service=service,
        state=state,
        severity=severity,
        title=f"{service}: {slo} burns its error budget 116.7x too fast",
        opened_at=opened,
        revision=3 if acknowledged else 1,
        acknowledged_at=opened + 4 * MINUTE if acknowledged else None,
        acknowledged_by="Mia <mia@example.com>" if acknowledged else None,
        resolved_at=opened + 31 * MINUTE if over else None,
        linked_to="INC0003" if number == 2 else None,
    )
    alert = Alert(
        id=f"ALERT{number:04d}",
        rule=f"{service}/{slo}#{severity}:1h:5m",
        service=service,
        slo=slo,
        kind=AlertKind.BURN,
        severity=severity,
        started_at=opened,
        facts=_facts("42 of 360 requests failed in the last hour"),
        incident_id=incident.id,
        ended_at=incident.resolved_at,
    )
    told = [(0, EventKind.OPENED, f"Opened: {slo} burns 116.7x over 1h and 333.3x over 5m")]
    told.append((0, EventKind.ROUTED, 'oncall is told: severity="page" matches'))
    told.append((1, EventKind.DELIVERED, "oncall has it (202 Accepted)"))
    if acknowledged:
        told.append((4, EventKind.ACKNOWLEDGED, "Acknowledged by Mia <mia@example.com>"))
    if over:
        told.append((31, EventKind.RESOLVED, "Resolved: the last alert has ended"))
    message = Message(
        notification_id=f"NOTE{number:04d}",
        incident_id=incident.id,
        revision=1,
        kind=NotificationKind.TRIGGER,
        receiver="oncall",
        severity=severity,
        service=service,
        service_title=service.title(),
        title=incident.title,
        what_changed=f"{slo} began to burn",
        opened_at=opened,
        decided_at=opened,
        incident_url=f"http://127.0.0.1:9919/incidents/{incident.id}",
        alerts=(
            AlertLine(
                rule=alert.rule,
                slo=slo,
                kind=alert.kind,
                severity=severity,
                started_at=opened,
                ended_at=None,
                facts=alert.facts,
                dashboard_url=f"http://127.0.0.1:9919/slos/{service}/{slo}",
            ),
        ),
    )
    notification = Notification(
        id=message.notification_id,
        incident_id=incident.id,
        receiver="oncall",
        kind=NotificationKind.TRIGGER,
        revision=1,
        severity=severity,
        message=message,
        state=NotificationState.DELIVERED,
        created_at=opened,
        next_attempt_at=opened,
        attempts=2,
        finished_at=opened + MINUTE,
        reason='oncall: severity="page" matches',
    )
    return IncidentDetail(
        incident=incident,
        alerts=(alert,),
        events=tuple(
            IncidentEvent(incident.id, opened + minutes * MINUTE, kind, text, id=number * 10 + n)
            for n, (minutes, kind, text) in enumerate(told)
        ),
        notifications=(notification,),
        attempts=(
            Attempt(
                notification.id,
                1,
                opened,
                opened + timedelta(seconds=5),
                AttemptOutcome.RETRY,
                None,
                "no answer within 5s",
            ),
            Attempt(
                notification.id,
                2,
                opened + timedelta(seconds=55),
                opened + MINUTE,
                AttemptOutcome.OK,
                202,
                "202 Accepted",
            ),
        ),
    )


class FakeChanges:
    """Changes that a test publishes; `gone` once they are closed."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self._queue: asyncio.Queue[Change | None] = asyncio.Queue()

    def publish(self, change: Change) -> None:
        self._queue.put_nowait(change)

    def end(self) -> None:
        """Say that the source shuts down."""
        self._queue.put_nowait(None)

    async def next(self, timeout: timedelta) -> Change | None:
        try:
            change = await asyncio.wait_for(self._queue.get(), timeout.total_seconds())
        except TimeoutError:
            return None
        if change is None:
            raise StopAsyncIteration
        return change

    def close(self) -> None:
        self.gone.set()


def _edited(sli_id: str) -> tuple[Definition, ...]:
    """A promise that was made stricter, and then was of something else."""
    texts = (
        ('{"objective":["99.5%"],"sli":{"probe":"health"},"window":["30d"]}', "mark", 40),
        ('{"objective":["99.9%"],"sli":{"probe":"health"},"window":["30d"]}', "mark", 9),
        ('{"objective":["99.9%"],"sli":{"probe":"<front>"},"window":["30d"]}', "other", 2),
    )
    return tuple(
        Definition(sli_id, number, text, mark, NOW - timedelta(days=days))
        for number, (text, mark, days) in enumerate(texts, start=1)
    )


def _a_canary(one: ReceiverStanding) -> Canary:
    """It arrives at once, unless the receiver is parked."""
    parked = one.destination.refuses
    return Canary(
        receiver=one.name,
        incident_id="canary-1",
        decided_at=NOW - timedelta(hours=1),
        state=NotificationState.FAILED if parked else NotificationState.DELIVERED,
        reason="oncall is parked: revoked" if parked else "asked for",
        finished_at=NOW - timedelta(hours=1),
        attempts=0 if parked else 1,
        last_success=NOW - timedelta(days=2 if parked else 0, hours=1),
    )


@dataclass
class FakeSource(FakeSilences, FakeExclusions, FakeLogbook):
    """A Source whose facts a test may change between two looks."""

    statuses_: tuple[SLOStatus, ...] = field(default_factory=_statuses)
    services_: tuple[ServiceCard, ...] = ()
    states: dict[str, dict[str, AlertState]] = field(default_factory=dict)
    rules_: tuple[RuleStatus, ...] = field(default_factory=_rules)
    collectors_: tuple[CollectorHealth, ...] = field(default_factory=_collectors)
    details: dict[str, IncidentDetail] = field(default_factory=dict)
    subscriptions: list[FakeChanges] = field(default_factory=list)
    shadows: dict[str, ShadowSummary] = field(default_factory=dict)
    bucket_: timedelta = timedelta(seconds=10)
    definitions: dict[str, tuple[Definition, ...]] = field(default_factory=dict)
    receivers_: tuple[ReceiverStanding, ...] = (
        ReceiverStanding("mail", "email", Destination("mail", last_success=NOW)),
        ReceiverStanding(
            "oncall",
            "pagerduty",
            Destination("oncall", parked_at=NOW, problem="PagerDuty answered 401"),
            2,
            NOW - timedelta(minutes=3),
        ),
    )
    unparked: list[tuple[str, str]] = field(default_factory=list)
    escalated: list[tuple[str, str]] = field(default_factory=list)
    next_step: tuple[str, ...] = ("lead",)  # whom an escalation reaches
    reports_mailed: list[tuple[str, str | None, str]] = field(default_factory=list)
    canaries_: list[tuple[str, str]] = field(default_factory=list)
    health_: SystemHealth = field(
        default_factory=lambda: SystemHealth(
            started_at=NOW - timedelta(days=3),
            last_evaluation=NOW - timedelta(seconds=1),
            evaluation_seconds=0.0042,
            outbox_pending=2,
            outbox_oldest=NOW - timedelta(seconds=75),
            config_loaded_at=NOW - timedelta(days=2),
            config_ok=True,
            version="0.1.0",
            problems=("The collector petuniverse-api/health is 31 s late.",),
        )
    )

    excluded_at: datetime = field(default=NOW, kw_only=True)
    latest_: Roll = field(default_factory=Roll, kw_only=True)
    logged_at: datetime = field(default=NOW, kw_only=True)
    silenced_at: datetime = field(default=NOW, kw_only=True)

    def __post_init__(self) -> None:
        self.services_ = self.services_ or _services(self.statuses_)
        self.definitions = self.definitions or {"shop/checkout": _edited("shop/checkout")}
        if not self.details:
            incidents = (
                make_incident(1, "shop", "checkout", IncidentState.TRIGGERED),
                make_incident(2, "shop", MARKUP, IncidentState.RESOLVED),
                make_incident(3, "shop", "login", IncidentState.ACKNOWLEDGED, Severity.TICKET),
                make_incident(50, "petuniverse-api", "uploads", IncidentState.RESOLVED),
            )
            self.details = {detail.incident.id: detail for detail in incidents}

    def services(self) -> Sequence[ServiceCard]:
        return self.services_

    async def roll(self) -> Roll:
        self.latest_ = roll_of(self.statuses_)
        return self.latest_

    def latest_roll(self) -> Roll:
        return self.latest_

    def sequence(self) -> int:
        return 0

    def slo_ids(self) -> Sequence[str]:
        return [status.slo.id for status in self.statuses_]

    def statuses(self) -> Sequence[SLOStatus]:
        return self.statuses_

    def status(self, slo_id: str) -> SLOStatus | None:
        return next((status for status in self.statuses_ if status.slo.id == slo_id), None)

    def digests(self) -> Sequence[Sheet]:
        return []

    def tier_states(self, slo_id: str) -> dict[str, AlertState]:
        status = self.status(slo_id)
        if slo_id not in self.states and status is not None:
            self.states[slo_id] = _tier_states(status)
        return self.states.get(slo_id, {})

    def shadow(self, owner: str) -> ShadowSummary | None:
        return self.shadows.get(owner)

    def versions(self, slo_id: str) -> Sequence[Version]:
        return history(self.definitions.get(slo_id, ()))

    async def by_version(self, slo_id: str, number: int, at: datetime) -> ByVersion | None:
        """The last one is as it is now; of the others the counts are gone."""
        versions = self.versions(slo_id)
        found = next((one for one in versions if one.definition.number == number), None)
        if found is None:
            return None
        (told,) = await self.as_of(at, [slo_id])
        return ByVersion(found, told if found is versions[-1] else None)

    def bucket(self) -> timedelta:
        return self.bucket_

    def rules(self) -> list[RuleStatus]:
        return list(self.rules_)

    def why_silent(self, slo_id: str) -> tuple[NoDataCause, str] | None:
        """As the engine tells it from the collector's last run."""
        status = self.status(slo_id)
        known = {one.id: one.last for one in self.collectors_}
        last = known.get(status.slo.collector_id or "") if status else None
        if last is None:
            return NoDataCause.COLLECTOR_DOWN, "It has not run since Nines started."
        causes = {
            Outcome.FAILED: NoDataCause.TARGET_DOWN,
            Outcome.UNKNOWN: NoDataCause.COLLECTOR_DOWN,
            Outcome.PASSED: NoDataCause.SERIES_MISSING,
        }
        return causes[last.outcome], last.detail

    def collectors(self) -> Sequence[CollectorHealth]:
        return self.collectors_

    def health(self) -> SystemHealth:
        return self.health_

    def receivers(self) -> Sequence[ReceiverStanding]:
        return self.receivers_

    async def unpark(self, receiver: str, by: str) -> bool:
        self.unparked.append((receiver, by))
        return receiver in {one.name for one in self.receivers_}

    async def canary(self, receiver: str, by: str) -> bool | None:
        known = {one.name: one for one in self.receivers_}
        if receiver not in known:
            return None
        last = known[receiver].canary
        if last is not None and last.waits:
            return False
        self.canaries_.append((receiver, by))
        self.receivers_ = tuple(
            replace(one, canary=_a_canary(one)) if one.name == receiver else one
            for one in self.receivers_
        )
        return True

    async def report_mails(self) -> Sequence[ReportMailStanding]:
        to = ("cto@example.com",)
        done = Posting("management", "2026-W46", PostingState.SENT, NOW, NOW, 1, to, ended_at=NOW)
        return [
            ReportMailStanding(
                "management", "week", "07:00", "UTC", to, None, "executive", NOW, done
            )
        ]

    async def mail_report(self, name: str, period: str | None, by: str) -> str:
        if name != "management":
            raise ReportMailError(404, f"No report is mailed by the name {name[:100]!r}.")
        if period is not None and period != "2026-W46":
            raise ReportMailError(400, "that is no period.")
        self.reports_mailed.append((name, period, by))
        return "The mail server mail.example:25 accepted it for 1 of 1"

    async def ways(
        self, labels: Mapping[str, str], at: datetime
    ) -> tuple[Mapping[str, str], Sequence[Way]]:
        tree = Route(
            receivers=("mail",),
            routes=(
                Route(
                    parse_matchers('severity="page"'),
                    ("oncall",),
                    terms=Terms(failover=("mail",), group_wait=timedelta(seconds=30)),
                ),
            ),
        )
        whole = {"env": "prod", **labels} if labels.get("service") == "shop" else dict(labels)
        silence = Suppressor(SuppressorKind.SILENCE, "S1", "deploy, by ann", at)
        silenced = labels.get("service") == "silenced"
        return whole, ways(tree, whole, at, silences=lambda _: (silence,) if silenced else ())

    def notifications_total(self) -> dict[tuple[str, str], int]:
        return {("oncall", "ok"): 3, ("oncall", "retry"): 4, ("mail", "permanent"): 1}

    async def points(
        self, slo_id: str, start: datetime, end: datetime, step: timedelta
    ) -> Sequence[Point]:
        """Sums of the same ten-second counts whatever the step; see `_counts_before`."""
        if self.status(slo_id) is None:
            return []
        edges = [start + n * step for n in range(-(-(end - start) // step))] + [end]
        before = [_counts_before(at) for at in edges]
        return [
            Point(at, now.good - then.good, now.bad - then.bad, now.unknown - then.unknown)
            for at, then, now in zip(edges, before, before[1:], strict=False)
        ]

    async def causes(self, slo_id: str, start: datetime, end: datetime) -> dict[str, int]:
        status = self.status(slo_id)
        return dict(status.causes) if status is not None and start < end else {}

    async def budget_ledger(
        self, slo_id: str, start: datetime | None, end: datetime
    ) -> BudgetLedger | None:
        """Made of the points, in steps of five minutes; every bad event was a status."""
        status = self.status(slo_id)
        if status is None:
            return None
        five = timedelta(minutes=5)
        noon = NOW.replace(second=0)
        until = noon + -(-(end - noon) // five) * five
        first = until - status.slo.window.length
        if start is not None:
            first = noon + (start - noon) // five * five
        points = await self.points(slo_id, first, until, five)
        buckets = [
            BucketDelta(int(point.start.timestamp()), point.good, point.bad) for point in points
        ]
        return budget_ledger(
            occurrences(buckets, five, status.slo.objective, until),
            [(one.bucket, "status <503>", one.bad) for one in buckets if one.bad],
            start=first,
            end=until,
            allowed=status.slo.objective.budget_share * sum(b.good + b.bad for b in buckets),
        )

    async def outlook(self, slo_id: str, at: datetime) -> Outlook | None:
        """Of three weeks; of SLOs that are learning, of one."""
        status = self.status(slo_id)
        if status is None:
            return None
        if status.budget is None or status.budget_state is BudgetState.LEARNING:
            return Outlook(end_of(status.slo, at), 1)
        left = status.budget.remaining
        return Outlook(end_of(status.slo, at), 3, left - Fraction(1, 4), left, left)

    async def steps(
        self, slo_id: str, start: datetime, end: datetime, width: timedelta
    ) -> Sequence[BucketDelta]:
        if self.status(slo_id) is None:
            return []
        past_grid = timedelta(seconds=int(start.timestamp()) % int(width.total_seconds()))
        turn = min(start - past_grid + width, end)
        steps = [*_buckets(start, turn, width), *_buckets(turn, end, width)]
        return [one for one in steps if any(one.columns())]

    async def slices(self, slo_id: str, start: datetime, end: datetime) -> SliceHistory | None:
        status = self.status(slo_id)
        if status is None or status.slo.slicing is None:
            return None
        slicing = status.slo.slicing
        past_grid = timedelta(seconds=int(start.timestamp()) % slicing.seconds)
        start -= past_grid + timedelta(microseconds=start.microsecond)
        return slice_history(_buckets(start, end, slicing.length), slicing, start, end)

    async def as_of(self, at: datetime, slo_ids: Sequence[str] | None) -> Sequence[AsOf]:
        at -= timedelta(seconds=at.second % 10, microseconds=at.microsecond)
        told = []
        for status in self.statuses_:
            if slo_ids is None or status.slo.id in slo_ids:
                recorded = {
                    alert.rule.partition("#")[2]: AlertState(Phase.FIRING, alert.started_at)
                    for detail in self.details.values()
                    for alert in detail.alerts
                    if f"{alert.service}/{alert.slo}" == status.slo.id
                    and alert.started_at <= at < (alert.ended_at or NOW)
                }
                ledger = _ledger_until(at, status.slo.window.length)
                status_then = told_at(status.slo, ledger, at, recorded)
                told.append(AsOf(status_then, recorded, timedelta(seconds=10)))
        return told

    def kept_since(self) -> datetime | None:
        return NOW - 2 * MONTH

    async def incidents_at(
        self, at: datetime, *, service: str | None, limit: int
    ) -> Sequence[Incident]:
        opened = sorted(
            (
                detail.incident
                for detail in self.details.values()
                if detail.incident.opened_at <= at and service in (None, detail.incident.service)
            ),
            key=lambda incident: incident.opened_at,
            reverse=True,
        )
        late = opened[limit:]
        still = [one for one in late if one.resolved_at is None or one.resolved_at > at]
        return [*opened[:limit], *still]

    async def incidents_of(self, slo_id: str, start: datetime, end: datetime) -> Sequence[Incident]:
        return sorted(
            (
                detail.incident
                for detail in self.details.values()
                if any(f"{alert.service}/{alert.slo}" == slo_id for alert in detail.alerts)
                and detail.incident.opened_at < end
                and (detail.incident.resolved_at or end) > start
            ),
            key=lambda incident: incident.opened_at,
        )

    async def slos_of(self, incident_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        return {
            known: tuple(sorted({alert.slo for alert in self.details[known].alerts}))
            for known in incident_ids
            if known in self.details
        }

    async def incidents(
        self, *, state: str | None, service: str | None, cursor: str | None, limit: int
    ) -> IncidentPage:
        """The cursor is the id of the last incident of the page before."""
        found = sorted(
            (
                detail.incident
                for detail in self.details.values()
                if state in (None, detail.incident.state)
                and service in (None, detail.incident.service)
            ),
            key=lambda incident: incident.opened_at,
            reverse=True,
        )
        if cursor is not None:
            if cursor not in self.details:
                raise ValueError(f"{cursor!r} is not a cursor of this list")
            last = self.details[cursor].incident.opened_at
            found = [incident for incident in found if incident.opened_at < last]
        more = len(found) > limit
        return IncidentPage(tuple(found[:limit]), found[limit - 1].id if more else None)

    async def incident(self, incident_id: str) -> IncidentDetail | None:
        return self.details.get(incident_id)

    async def why(self, alert_id: str) -> WhyFile | None:
        for detail in self.details.values():
            for alert in detail.alerts:
                if alert.id == alert_id:
                    return why_of(detail, alert)
        return None

    async def why_several(
        self, detail: IncidentDetail, alerts: Sequence[Alert]
    ) -> Sequence[WhyFile]:
        return [why_of(detail, one) for one in alerts]

    async def aftermath(self, detail: IncidentDetail) -> Aftermath:
        return aftermath_of(detail, list(self.details.values()), NOW)

    async def incident_times(
        self, start: datetime, end: datetime, limit: int
    ) -> Sequence[tuple[Incident, IncidentTimes]]:
        found = [one.incident for one in self.details.values()]
        return [
            (one, times_of(one, one.opened_at - 2 * MINUTE))
            for one in found
            if start <= one.opened_at < end
        ][:limit]

    async def fired(self, owner: str, at: datetime) -> Fired:
        return fired_of(list(self.details.values()), owner, at)

    async def named(self, name: str, at: datetime | None, limit: int) -> list[WhyFile]:
        return named_of(list(self.details.values()), name, at)[-limit:]

    async def acknowledge(self, incident_id: str, by: str) -> Acknowledged | None:
        detail = self.details.get(incident_id)
        if detail is None:
            return None
        text, incident = f"Acknowledged by {by}", detail.incident
        vain = in_vain(incident)
        if vain is None:
            incident = replace(
                incident,
                state=IncidentState.ACKNOWLEDGED,
                acknowledged_at=NOW,
                acknowledged_by=by,
                revision=incident.revision + 1,
            )
        else:
            text = f"{by} acknowledged. {vain}"
        kind = EventKind.NOTE if vain else EventKind.ACKNOWLEDGED
        event = IncidentEvent(incident_id, NOW, kind, text, id=9_000 + len(detail.events))
        self.details[incident_id] = replace(
            detail, incident=incident, events=(*detail.events, event)
        )
        return Acknowledged(self.details[incident_id], vain)

    async def note(self, incident_id: str, text: str, by: str) -> bool:
        detail = self.details.get(incident_id)
        if detail is None:
            return False
        event = IncidentEvent(incident_id, NOW, EventKind.NOTE, f"{by}: {text}", id=9_500)
        self.details[incident_id] = replace(detail, events=(*detail.events, event))
        return True

    async def escalate(self, incident_id: str, by: str) -> list[str] | None:
        self.escalated.append((incident_id, by))
        return list(self.next_step) if incident_id in self.details else None

    def changes(self) -> FakeChanges:
        changes = FakeChanges()
        self.subscriptions.append(changes)
        return changes
