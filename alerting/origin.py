"""An origin: what the sender of an alert from outside says of it, in Alertmanager's terms."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

# FNV-1a, 64 bits, as the model of Prometheus has it: names and values in order, each ended by 0xff.
_OFFSET, _PRIME, _END = 14695981039346656037, 1099511628211, 255
_BITS = (1 << 64) - 1
_MOST_LABELS, _MOST_TEXT = 64, 2_000  # that a message carries of one alert


@dataclass(frozen=True, slots=True)
class Origin:
    """Labels tell alerts apart, annotations explain them. `url`: where it comes from, or empty."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str] = field(default_factory=dict)
    url: str = ""

    @property
    def runbook(self) -> str | None:
        """What to do about it."""
        return self.annotations.get("runbook_url") or self.annotations.get("runbook") or None

    def brief(self) -> "Origin":
        """The same, with what is too long for a message left out."""
        labels, annotations = _brief(self.labels), _brief(self.annotations)
        if labels is self.labels and annotations is self.annotations:
            return self
        return replace(self, labels=labels, annotations=annotations)


def fingerprint(labels: Mapping[str, str]) -> str:
    """16 hexadecimal digits that Alertmanager, too, gives to these labels."""
    found = _OFFSET
    for name in sorted(labels):
        for text in (name, labels[name]):
            for byte in text.encode("utf-8", "replace"):
                found = (found ^ byte) * _PRIME & _BITS
            found = (found ^ _END) * _PRIME & _BITS
    return f"{found:016x}"


def _brief(texts: Mapping[str, str]) -> Mapping[str, str]:
    if len(texts) <= _MOST_LABELS and all(len(text) <= _MOST_TEXT for text in texts.values()):
        return texts
    kept = sorted(texts.items(), key=lambda item: (len(item[1]), item[0]))[:_MOST_LABELS]
    return {
        name: text if len(text) <= _MOST_TEXT else f"{text[: _MOST_TEXT - 1]}…"
        for name, text in sorted(kept)
    }
