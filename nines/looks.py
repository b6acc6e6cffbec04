"""When each SLO was last looked at."""

from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from slo.epoch import EPOCH
from slo.grid import NEVER
from slo.ledger import epoch_micros

Moment = tuple[int, datetime]  # numbered: the later of two is the one told later
Which = int | slice | NDArray[np.intp]


class Looks:
    """By the SLOs' numbers. `micros` are microseconds since the epoch, NEVER where none looked."""

    def __init__(self, size: int = 0) -> None:
        self.micros = np.full(size, NEVER, np.int64)
        self._counted = np.zeros(size, np.int64)
        self._count = 0

    def note(self, which: Which, now: datetime) -> Moment:
        """They were looked at."""
        self._count += 1
        self.micros[which] = epoch_micros(now)
        self._counted[which] = self._count
        return self._count, now

    def newest(self, number: int) -> Moment | None:
        """The last look at one."""
        micros = int(self.micros[number])
        if micros == NEVER:
            return None
        return int(self._counted[number]), EPOCH + timedelta(microseconds=micros)

    def renumbered(self, former: "list[int | None]", ticked: Moment | None) -> "Looks":
        """Of SLOs that had these numbers; of new ones the look at all is the newest."""
        looks = Looks(len(former))
        looks._count = self._count
        for number, before in enumerate(former):
            if before is not None:
                looks.micros[number] = self.micros[before]
                looks._counted[number] = self._counted[before]
            elif ticked is not None:
                looks._counted[number], looks.micros[number] = ticked[0], epoch_micros(ticked[1])
        return looks
