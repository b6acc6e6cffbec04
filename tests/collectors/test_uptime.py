"""Starts of processes, by how long they say that they run."""

import pytest

from collectors.uptime import Uptimes

WALL, AT = 1_790_000_000.0, 500.0


def test_a_process_that_goes_on_has_one_start_whatever_the_wall_clock_is_set_to() -> None:
    uptimes = Uptimes()
    first = uptimes.start(100, WALL, AT)

    assert first == WALL - 100
    assert uptimes.start(110.4, WALL + 10, AT + 10) == first
    assert uptimes.start(120, WALL + 3600 + 20, AT + 20) == first


def test_a_process_that_began_anew_has_a_later_start() -> None:
    uptimes = Uptimes()
    first = uptimes.start(100, WALL, AT)

    assert uptimes.start(3, WALL + 10, AT + 10) == WALL + 7 > first


def test_two_processes_behind_one_address_keep_their_own_starts() -> None:
    uptimes = Uptimes()
    old, new = uptimes.start(1000, WALL, AT), uptimes.start(5, WALL + 10, AT + 10)

    assert uptimes.start(1020, WALL + 20, AT + 20) == old
    assert uptimes.start(25, WALL + 30, AT + 30) == new


def test_a_machine_that_stood_still_is_no_restart() -> None:
    uptimes = Uptimes()
    first = uptimes.start(1000, WALL, AT)

    assert uptimes.start(1010, WALL + 80, AT + 80) == first  # it stood still
    assert uptimes.start(1090, WALL + 160, AT + 90) == first  # we stood still
    assert uptimes.start(60, WALL + 230, AT + 160) > first  # shorter than since then: it is new


def test_over_our_own_restart_the_start_stays_though_clocks_run_apart() -> None:
    before = Uptimes()
    first = before.start(1000, WALL, AT)
    left = before.to_text(WALL, AT)
    after = Uptimes.of(left, WALL + 3600, 7.0)

    assert after.start(4596.5, WALL + 3600, 7.0) == first
    assert Uptimes.of(left, WALL + 3600, 7.0).start(3599, WALL + 3600, 7.0) != first


@pytest.mark.parametrize("text", [None, "", "{", "[1]", "null", '[["a", 1, 2]]'])
def test_what_is_no_memory_is_none(text: str | None) -> None:
    assert Uptimes.of(text, WALL, AT).start(100, WALL, AT) == WALL - 100
