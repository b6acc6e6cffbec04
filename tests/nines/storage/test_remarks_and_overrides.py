"""Annotations and overrides of the gate are kept with their trails, on both databases."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from nines.storage import annotations, gate_overrides
from nines.storage.annotations import AnnotationStore
from nines.storage.database import Database
from nines.storage.gate_overrides import OverrideStore
from slo.annotation import Annotation, AnnotationPlan
from slo.gate import GateState, Override

T0 = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOSTILE = "<img src=x onerror=alert(1)> \u202egnitsoh 100%_'; DROP TABLE annotations; --"
REMARK = Annotation("a1", AnnotationPlan("shop", "checkout", HOSTILE, T0, T0 + HOUR, "ada"), T0)
WHOLE = Annotation("a2", AnnotationPlan("shop", None, "on", T0 + HOUR, None, "bob"), T0 + HOUR)
WORD = Override("o1", "shop", "checkout", GateState.FREEZE, HOSTILE, "ada", T0, T0 + HOUR)
OTHER = Override("o2", "pets", None, GateState.OK, "it mends it", "bob", T0, T0 + 2 * HOUR)


def test_remarks_are_found_as_they_were_made_edited_and_undone(database: Database) -> None:
    store, entry = AnnotationStore(database), annotations.entry_of
    edited = REMARK.edited("in other words")
    gone = edited.undone(T0 + HOUR)
    store.write([(REMARK, entry(None, REMARK, at=T0, by="ada", action="created"))])
    store.write([(WHOLE, entry(None, WHOLE, at=T0, by="bob", action="created"))])
    assert sorted(store.all(), key=lambda one: one.id) == [REMARK, WHOLE]

    store.write([(edited, entry(REMARK, edited, at=T0, by="bob", action="changed"))])
    store.write([(gone, entry(edited, gone, at=T0 + HOUR, by="eve", action="undone"))])

    assert {one.id: one for one in store.all()} == {"a1": gone, "a2": WHOLE}
    assert [(one.by, one.action) for one in store.trail("a1")] == [
        ("ada", "created"),
        ("bob", "changed"),
        ("eve", "undone"),
    ]
    assert HOSTILE.partition(" ")[0] in (store.trail("a1")[1].before or "")


def test_overrides_are_found_as_they_were_made_and_ended(database: Database) -> None:
    store, entry = OverrideStore(database), gate_overrides.entry_of
    ended = WORD.ended(T0 + HOUR / 2)
    store.write([(WORD, entry(None, WORD, at=T0, by="ada", action="created"))])
    store.write([(OTHER, entry(None, OTHER, at=T0, by="bob", action="created"))])
    store.write([(ended, entry(WORD, ended, at=T0 + HOUR / 2, by="bob", action="ended"))])

    assert {one.id: one for one in store.all()} == {"o1": ended, "o2": OTHER}
    assert [(one.by, one.action) for one in store.trail("o1")] == [
        ("ada", "created"),
        ("bob", "ended"),
    ]
    assert store.trail("o3") == []


def test_what_is_over_for_long_is_forgotten_with_its_trail(database: Database) -> None:
    remarks, words = AnnotationStore(database), OverrideStore(database)
    late = replace(OTHER, until=T0 + 9 * HOUR)
    for one in (REMARK, WHOLE):
        remarks.write([(one, annotations.entry_of(None, one, at=T0, by="ada", action="created"))])
    for word in (WORD, late):
        words.write(
            [(word, gate_overrides.entry_of(None, word, at=T0, by="ada", action="created"))]
        )

    later = T0 + HOUR + timedelta(seconds=1)
    assert remarks.prune(later, HOUR / 60) == 0
    assert remarks.prune(later + HOUR, HOUR / 60) == 2
    assert words.prune(later, timedelta(0)) == 1

    assert remarks.all() == []
    assert remarks.trail("a1") == []
    assert words.all() == [late]
    assert words.trail("o1") == []
