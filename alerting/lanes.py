"""The lanes of all receivers, those to one destination with one pace."""

import asyncio
from collections.abc import ItemsView, Iterable, Mapping, ValuesView

from alerting.bucket import Rate
from alerting.lane import Lane
from alerting.pace import Pace


class Lanes:
    """One for each receiver that something was ever to be sent to; a pace outlives a reload."""

    def __init__(self) -> None:
        self._lanes: dict[str, Lane] = {}
        self._paces: dict[str, Pace] = {}  # by destination
        self._rates: Mapping[str, Rate] = {}
        self._shares: Mapping[str, str] = {}

    def use(self, rates: Mapping[str, Rate], shares: Mapping[str, str]) -> None:
        """From the next `set_paces` on: how fast receivers are told, and their destinations."""
        self._rates, self._shares = rates, shares

    def of(self, receiver: str) -> Lane:
        """The receiver's lane, with the pace of its destination."""
        lane = self._lanes.get(receiver)
        if lane is None:
            lane = self._lanes[receiver] = Lane(receiver)
            self.set_paces()
        return lane

    def items(self) -> ItemsView[str, Lane]:
        """All, by receiver."""
        return self._lanes.items()

    def values(self) -> ValuesView[Lane]:
        """All."""
        return self._lanes.values()

    def at(self, pace: Pace) -> Iterable[Lane]:
        """Those that keep this pace."""
        return (lane for lane in self._lanes.values() if lane.pace is pace)

    def tasks(self) -> list[asyncio.Task[None]]:
        """What is under way."""
        return [lane.task for lane in self._lanes.values() if lane.task]

    def set_paces(self) -> None:
        """Let each lane keep the pace of its destination."""
        rates: dict[str, list[Rate]] = {}
        for name, rate in self._rates.items():
            rates.setdefault(self._shares.get(name, name), []).append(rate)
        for name, lane in self._lanes.items():
            where = self._shares.get(name, name)
            lane.pace = self._paces.setdefault(where, Pace())
            lane.pace.use(rates.get(where, ()))

    def end_pauses(self) -> None:
        """No destination is waited for any more."""
        for pace in self._paces.values():
            pace.paused_until = None
