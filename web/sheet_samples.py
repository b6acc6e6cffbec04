"""The samples of SLOs at rest, a family's of all of them printed at once."""

from collections.abc import Mapping, Sequence

import numpy as np

from dashboards.source import ServiceCard
from slo.definition import SLO
from slo.digest import Sheet
from slo.status import BudgetState
from web.exposition import column
from web.slo_samples import SLOSamples

_MICROSECONDS = 1_000_000


class SheetSamples:
    """The lines of some SLOs, for as long as it is these, in this order."""

    def __init__(self, slos: Sequence[SLO], samples: Sequence[SLOSamples]) -> None:
        self.slos = slos
        self._samples = samples
        self._cards = {one.slo.service: one.card for one in samples}
        self._blank = tuple(map(b"".join, zip(*(one.blank() for one in samples), strict=True)))
        # Variants share some lines, which one of them prints.
        self._own = [at for at, one in enumerate(slos) if not one.variant]
        self._stands: tuple[Sequence[BudgetState], Sequence[bool]] = ((), ())
        self._standing: Sequence[bytes] = (b"", b"", b"")

    def is_of(self, sheet: Sheet, cards: Mapping[str, ServiceCard]) -> bool:
        """Whether its lines are still those of a sheet's SLOs."""
        return self.slos == sheet.slos and all(
            card is cards.get(service) for service, card in self._cards.items()
        )

    def texts(self, sheet: Sheet) -> tuple[bytes, ...]:
        """What a sheet says, one text for each of FAMILIES."""
        if np.isnan(sheet.coverage).any() or np.isnan(sheet.rates).any():
            return self._one_by_one(sheet)
        info, objective, window, sli, events, budget, burns, coverage, _, _, _, at, bounds, _ = (
            self._blank
        )
        life, micros = sheet.life, sheet.micros
        if len(self._own) < len(self.slos):
            life, micros = life[:, self._own], micros[self._own]
        firing, state, flow = self._stand(sheet)
        return (
            info,
            objective,
            window,
            sli % column(sheet.sli),
            events % column(life.T),
            budget % column(sheet.remaining),
            burns % column(sheet.rates.T),
            coverage % column(sheet.coverage),
            b"",
            firing,
            state,
            at % column(micros / _MICROSECONDS),
            bounds % column(np.stack((sheet.lowest, sheet.highest), axis=1)),
            flow,
        )

    def _stand(self, sheet: Sheet) -> Sequence[bytes]:
        stands = sheet.budget_states, sheet.idle
        if stands != self._stands:
            lines = [
                one.at_rest(state, idle=idle)
                for one, state, idle in zip(self._samples, *stands, strict=True)
            ]
            self._stands = stands
            self._standing = tuple(map(b"".join, zip(*lines, strict=True)))
        return self._standing

    def _one_by_one(self, sheet: Sheet) -> tuple[bytes, ...]:
        """Where something is not known, its line is left out."""
        for one, digest in zip(self._samples, sheet.rows(), strict=True):
            one.tell_at_rest(digest)
        return tuple(map(b"".join, zip(*(one.texts for one in self._samples), strict=True)))
