"""A slice of a derived SLI, against every way that what is unknown might have gone."""

from datetime import timedelta
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.definition import Component, CompositeSLI, QuorumSLI
from slo.derived import Verdict, component_verdict, judge, slice_for, slice_misfit
from slo.ledger import BucketDelta
from slo.slices import NoData

S = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
START = 1_772_323_200
NOTHING = BucketDelta(START)
PASSED, FAILED = BucketDelta(START, good=1, seen=1), BucketDelta(START, bad=1, seen=1)
UNKNOWN = BucketDelta(START, unknown=1, missed=1)
COUNTS = st.builds(
    BucketDelta,
    st.just(START),
    good=st.integers(0, 3),
    bad=st.integers(0, 3),
    unknown=st.integers(0, 1),
    seen=st.integers(0, 1),
    missed=st.integers(0, 1),
)
CITIES = ("web/tokyo", "web/singapore", "web/iowa", "web/london")


def a_quorum(bad_at: int, vantages: int = 3) -> QuorumSLI:
    return QuorumSLI(CITIES[:vantages], bad_at, 10 * S)


def a_component(name: str, **more: object) -> Component:
    said = {"target": Fraction(99, 100), "no_data": NoData.IGNORE, "counted": "x", **more}
    return Component(name, **said)  # type: ignore[arg-type]


def a_journey(*components: Component, weighted: bool = False) -> CompositeSLI:
    return CompositeSLI(components, MINUTE, weighted)


@given(st.integers(1, 4), st.lists(COUNTS, min_size=4, max_size=4))
def test_a_quorum_says_what_every_outcome_of_the_unknown_would_say(
    bad_at: int, vantages: list[BucketDelta]
) -> None:
    known = [
        [True] if one.bad else [False] if one.good and not one.unknown else [True, False]
        for one in vantages
    ]
    possible = {sum(failed) >= bad_at for failed in product(*known)}

    told = judge(a_quorum(bad_at, 4), START, vantages)

    counts = told.counts
    assert (counts.good, counts.bad, counts.unknown) == (
        int(possible == {False}),
        int(possible == {True}),
        int(len(possible) == 2),
    )
    assert (counts.seen, counts.missed) == (1 - counts.unknown, counts.unknown)
    assert sum(told.causes.values()) == counts.bad


def test_a_bad_slice_names_the_vantages_that_failed() -> None:
    told = judge(a_quorum(2), START, [FAILED, PASSED, FAILED])

    assert told.causes == {"tokyo, iowa": 1}
    assert told.beside == {}


def test_one_vantage_alone_is_no_outage_and_is_kept_beside() -> None:
    told = judge(a_quorum(2), START, [PASSED, FAILED, PASSED])

    assert told.counts == BucketDelta(START, good=1, seen=1)
    assert told.causes == {}
    assert told.beside == {"one vantage: singapore": 1}


def test_more_than_one_that_are_too_few_are_named_together() -> None:
    told = judge(a_quorum(3), START, [PASSED, FAILED, FAILED])

    assert told.beside == {"too few vantages: singapore, iowa": 1}


def test_vantages_of_several_services_are_named_with_theirs() -> None:
    quorum = QuorumSLI(("east/probe", "west/probe"), 2, 10 * S)

    assert judge(quorum, START, [FAILED, FAILED]).causes == {"east/probe, west/probe": 1}


def test_an_unknown_vantage_may_be_the_one_that_was_missing() -> None:
    assert judge(a_quorum(2), START, [FAILED, PASSED, UNKNOWN]).counts == UNKNOWN
    assert judge(a_quorum(2), START, [FAILED, PASSED, NOTHING]).counts == UNKNOWN
    assert judge(a_quorum(2), START, [PASSED, PASSED, NOTHING]).counts == PASSED


@pytest.mark.parametrize(
    ("events", "verdict"),
    [
        (BucketDelta(START, good=99, bad=1, seen=1), Verdict.GOOD),
        (BucketDelta(START, good=9899, bad=101, seen=1), Verdict.BAD),
        (BucketDelta(START, good=99, bad=1, unknown=50, seen=1), Verdict.GOOD),
        (BucketDelta(START, unknown=1, seen=1), Verdict.UNKNOWN),
        (BucketDelta(START, missed=1), Verdict.UNKNOWN),
        (NOTHING, Verdict.UNKNOWN),
        (BucketDelta(START, seen=1, missed=1), Verdict.IDLE),
        # Beyond what a float could tell apart.
        (BucketDelta(START, good=99 * 10**17, bad=10**17, seen=1), Verdict.GOOD),
        (BucketDelta(START, good=99 * 10**17, bad=10**17 + 1, seen=1), Verdict.BAD),
    ],
)
def test_a_component_is_good_from_its_target_on(events: BucketDelta, verdict: Verdict) -> None:
    assert component_verdict(events, (99, 100), NoData.IGNORE) is verdict


@pytest.mark.parametrize(
    ("no_data", "verdict"),
    [
        (NoData.IGNORE, Verdict.IDLE),
        (NoData.GOOD, Verdict.GOOD),
        (NoData.BAD, Verdict.BAD),
    ],
)
def test_an_idle_component_counts_as_its_no_data_says(no_data: NoData, verdict: Verdict) -> None:
    assert component_verdict(BucketDelta(START, seen=4), (99, 100), no_data) is verdict


IDLE = BucketDelta(START, seen=1)


@pytest.mark.parametrize(
    ("login", "pay", "counts", "causes"),
    [
        (PASSED, PASSED, PASSED, {}),
        (PASSED, FAILED, FAILED, {"pay/charge": 1}),
        (FAILED, FAILED, FAILED, {"web/login, pay/charge": 1}),
        (UNKNOWN, FAILED, FAILED, {"pay/charge": 1}),
        (UNKNOWN, PASSED, UNKNOWN, {}),
        (IDLE, PASSED, PASSED, {}),
        (IDLE, IDLE, IDLE, {}),
        (IDLE, UNKNOWN, UNKNOWN, {}),
        (NOTHING, PASSED, UNKNOWN, {}),
    ],
)
def test_a_journey_is_as_good_as_its_worst_step(
    login: BucketDelta, pay: BucketDelta, counts: BucketDelta, causes: dict[str, int]
) -> None:
    journey = a_journey(a_component("web/login"), a_component("pay/charge"))

    told = judge(journey, START, [login, pay])

    assert (told.counts, dict(told.causes)) == (counts, causes)


def smeared(one: BucketDelta) -> BucketDelta:
    """The same, of events that were seen only later."""
    return BucketDelta(
        START, one.good, one.bad, missed=1, smeared_good=one.good, smeared_bad=one.bad
    )


def test_what_was_only_seen_later_is_nothing_new_to_alerts() -> None:
    journey = a_journey(a_component("web/login"), a_component("pay/charge"))

    assert judge(journey, START, [PASSED, smeared(PASSED)]).counts == smeared(PASSED)
    assert judge(journey, START, [PASSED, smeared(FAILED)]).counts == smeared(FAILED)
    # The login broke before everybody's eyes.
    assert judge(journey, START, [FAILED, smeared(FAILED)]).counts == FAILED


@given(st.lists(st.tuples(st.integers(1, 5), COUNTS), min_size=2, max_size=5))
def test_weights_add_up_to_what_is_known_and_what_is_not(
    parts: list[tuple[int, BucketDelta]],
) -> None:
    components = [a_component(f"web/{n}", weight=weight) for n, (weight, _) in enumerate(parts)]
    verdicts = [component_verdict(one, (99, 100), NoData.IGNORE) for _, one in parts]

    told = judge(a_journey(*components, weighted=True), START, [one for _, one in parts])

    def weight(wanted: Verdict) -> int:
        return sum(w for (w, _), v in zip(parts, verdicts, strict=True) if v is wanted)

    assert told.counts.good == weight(Verdict.GOOD)
    assert told.counts.bad == weight(Verdict.BAD) == sum(told.causes.values())
    assert told.counts.unknown == weight(Verdict.UNKNOWN)
    assert told.counts.seen + told.counts.missed == 1
    assert bool(told.counts.seen) == any(one is not Verdict.UNKNOWN for one in verdicts)


def test_weighted_causes_weigh_what_their_component_does() -> None:
    journey = a_journey(
        a_component("web/login", weight=3), a_component("pay/charge"), weighted=True
    )

    told = judge(journey, START, [FAILED, smeared(PASSED)])

    assert told.counts == BucketDelta(START, good=1, bad=3, seen=1, smeared_good=1)
    assert told.causes == {"web/login": 3}


@pytest.mark.parametrize(
    ("interval", "bucket", "length"),
    [(10, 10, 10), (15, 10, 20), (40, 10, 50), (7, 5, 10), (45, 1, 50), (400, 10, 600)],
)
def test_a_slice_is_the_first_length_in_which_something_is_due(
    interval: int, bucket: int, length: int
) -> None:
    assert slice_for(interval * S, bucket * S) == length * S
    assert slice_misfit(length * S, bucket * S) is None


def test_nothing_rarer_than_an_hour_has_a_slice() -> None:
    assert slice_for(timedelta(hours=1), 10 * S) == timedelta(hours=1)
    assert slice_for(timedelta(hours=2), 10 * S) is None
