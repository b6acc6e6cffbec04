"""What is configured now, after an edit."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace

from alerting.alert import AlertChange


@dataclass(frozen=True, slots=True)
class Rules:
    """What is configured now, after an edit: every rule, and which of them are in shadow.

    `firing`: what there is to say of each that fires. `renamed`: a rule that is gone, and the one
    that goes on in its place. `receivers`: one that is gone, and the one that is the same under
    another name.
    """

    configured: Set[str]
    shadow: Set[str] = frozenset()
    firing: Mapping[str, AlertChange] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    receivers: Mapping[str, str] = field(default_factory=dict)

    def of(self, service: str) -> "Rules":
        """The same, with what fires of one service alone."""
        firing = {rule: one for rule, one in self.firing.items() if one.service == service}
        return replace(self, firing=firing)

    def after(self, earlier: "Rules") -> "Rules":
        """These, where nobody has acted on the `earlier` ones yet."""
        way = {old: self.renamed.get(new, new) for old, new in earlier.renamed.items()}
        names = {old: self.receivers.get(new, new) for old, new in earlier.receivers.items()}
        return replace(self, renamed={**way, **self.renamed}, receivers={**names, **self.receivers})
