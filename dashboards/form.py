"""A form as it was filled in."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Form:
    """The form as it was filled in. `wrong`: the field that makes no sense, and `why`."""

    values: dict[str, str] = field(default_factory=dict)
    wrong: str | None = None
    why: str = ""

    def value(self, name: str) -> str:
        return self.values.get(name, "")
