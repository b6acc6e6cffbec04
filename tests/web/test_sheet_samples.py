"""A sheet of SLOs at rest is printed as each of them would be by itself."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest

from slo.definition import SLO
from slo.digest import Sheet
from slo.ledger import BucketDelta, Ledger, epoch_micros, grid_for
from slo.objective import Objective
from slo.screen import Judged, Screen
from tests.slo.builders import T0, a_tier, an_slo
from web.sheet_samples import SheetSamples
from web.slo_samples import SLOSamples

M = timedelta(minutes=1)
NOW = T0 + timedelta(minutes=89, seconds=3)


def some_slos() -> list[SLO]:
    """Of all kinds: one is idle, one has unknown events and a name to escape, one is a variant."""
    one = an_slo("90", window=timedelta(hours=2), tiers=(a_tier(10 * M, M, "9"),))
    return [
        replace(one, name="plain"),
        replace(one, name="idle"),
        replace(one, name="50% unknown"),
        replace(one, name="variant", variant="99.9", objective=Objective(Decimal("0.999"))),
        replace(one, name="spent"),
    ]


def sheet_of(slos: list[SLO], *, idle_from: int = 80) -> Sheet:
    grid = grid_for(10, slos[0].window.reach)
    ledgers = [Ledger(10, slos[0].window.reach, grid=grid) for _ in slos]
    for minute in range(90):
        at = T0 + minute * M
        for slo, ledger in zip(slos, ledgers, strict=True):
            good = 0 if slo.name == "idle" and minute >= idle_from else 97
            bad = 1 if slo.name == "spent" else 0
            unknown = minute % 2 if "unknown" in slo.name else 0
            ledger.book(at, BucketDelta(ledger.bucket_of(at), good, bad, unknown, seen=6))
    screen = Screen([Judged(slo, one, {}) for slo, one in zip(slos, ledgers, strict=True)])
    (sheet,) = screen.digests(np.full(len(slos), epoch_micros(NOW)))
    return sheet


def one_by_one(sheet: Sheet) -> tuple[bytes, ...]:
    rows = [SLOSamples(digest.slo, None) for digest in sheet.rows()]
    for row, digest in zip(rows, sheet.rows(), strict=True):
        row.tell_at_rest(digest)
    return tuple(map(b"".join, zip(*(row.texts for row in rows), strict=True)))


def printer_of(sheet: Sheet) -> SheetSamples:
    return SheetSamples(sheet.slos, [SLOSamples(slo, None) for slo in sheet.slos])


def test_a_sheet_is_printed_as_its_rows() -> None:
    sheet = sheet_of(some_slos())

    texts = printer_of(sheet).texts(sheet)

    assert len(sheet.slos) == 5
    assert texts == one_by_one(sheet)


def test_only_variants_print_nothing_of_what_they_share() -> None:
    sheet = sheet_of(some_slos()[3:4])

    assert printer_of(sheet).texts(sheet) == one_by_one(sheet)


@pytest.mark.parametrize("column", ["coverage", "rates"])
def test_what_is_not_known_is_left_out(column: str) -> None:
    sheet = sheet_of(some_slos())
    holed = getattr(sheet, column).copy()
    holed[..., 1] = np.nan
    sheet = replace(sheet, **{column: holed})

    texts = printer_of(sheet).texts(sheet)

    assert texts == one_by_one(sheet)
    assert b"nan" not in b"".join(texts).lower()


def test_states_follow_from_sheet_to_sheet() -> None:
    busy, idle = sheet_of(some_slos(), idle_from=90), sheet_of(some_slos(), idle_from=20)
    printer = printer_of(busy)

    for sheet in (busy, idle, busy):
        assert printer.texts(sheet) == one_by_one(sheet)
    assert busy.idle != idle.idle


def test_it_is_a_sheet_s_as_long_as_the_slos_and_their_cards_stay() -> None:
    slos = some_slos()
    sheet, fewer = sheet_of(slos), sheet_of(slos[:4])
    printer = printer_of(sheet)

    assert printer.is_of(sheet, {})
    assert not printer.is_of(fewer, {})
