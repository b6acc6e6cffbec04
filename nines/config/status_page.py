"""`status_page:` in config.yaml: what customers see, and which SLOs each part of it rests on."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from dashboards.status_page import Component, StatusPage
from nines.config.references import unknown
from nines.config.reports import Zone
from slo.fields import NAME_PATTERN

_STRICT = ConfigDict(frozen=True, extra="forbid")
EVERY = "*"
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Key = Annotated[str, StringConstraints(pattern=f"^{NAME_PATTERN}$", max_length=100)]


def _reference(value: object) -> object:
    if not isinstance(value, str) or value.count("/") != 1 or value[:1] == "/" or value[-1:] == "/":
        raise ValueError(f"{value!r} names no SLO: write service/slo, or service/* for all of one")
    return value


Reference = Annotated[str, BeforeValidator(_reference)]


class ComponentConfig(BaseModel):
    """A part of what is offered, as customers know it."""

    model_config = _STRICT

    title: Words
    description: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)] = ""
    slos: tuple[Reference, ...] = Field(
        (), description="It is out while these fail: service/slo, or service/* for all of one."
    )
    performance: tuple[Reference, ...] = Field(
        (), description="It is slow at worst while these fail."
    )

    @model_validator(mode="after")
    def _rests_on_something(self) -> Self:
        if not self.slos and not self.performance:
            raise ValueError("a component rests on at least one SLO: write `slos`")
        return self


class GroupConfig(BaseModel):
    """Components that belong together."""

    model_config = _STRICT

    title: Words
    components: Mapping[Key, ComponentConfig] = Field(min_length=1)


class StatusPageConfig(BaseModel):
    """The page for customers."""

    model_config = _STRICT

    title: Words = Field(description="On top of the page: whose status it is.")
    access: Literal["public", "signed_in"] = Field(
        "signed_in", description="Who may see it; `public`: everybody, without signing in."
    )
    zone: Zone = Field(ZoneInfo("UTC"), description="Where its days begin: an IANA time zone.")
    support: str | None = Field(
        None, description="Where customers turn to.", pattern=r"^(https?://|mailto:)\S+$"
    )
    groups: Mapping[Key, GroupConfig] = Field(min_length=1)

    @model_validator(mode="after")
    def _keys_are_one_of_a_kind(self) -> Self:
        seen: set[str] = set()
        for group in self.groups.values():
            for key in group.components:
                if key in seen:
                    raise ValueError(f"two components are called `{key}`: their keys are ids")
                seen.add(key)
        return self

    def page(self, slo_ids: Sequence[str]) -> StatusPage:
        """What is shown, of these SLOs."""
        return StatusPage(
            title=self.title,
            public=self.access == "public",
            zone=self.zone,
            support=self.support,
            components=tuple(
                Component(
                    key=key,
                    title=one.title,
                    description=one.description,
                    group=group.title,
                    group_key=name,
                    slos=_named(one.slos, slo_ids),
                    performance=_named(one.performance, slo_ids),
                )
                for name, group in self.groups.items()
                for key, one in group.components.items()
            ),
        )

    def references(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Every SLO that is named, with the place where it is."""
        for name, group in self.groups.items():
            for key, one in group.components.items():
                for part, references in (("slos", one.slos), ("performance", one.performance)):
                    for position, reference in enumerate(references):
                        at = ("status_page", "groups", name, "components", key, part, position)
                        yield at, reference


def _named(references: Sequence[str], slo_ids: Sequence[str]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for reference in references:
        service, _, name = reference.partition("/")
        if name == EVERY:
            found |= dict.fromkeys(one for one in slo_ids if one.startswith(f"{service}/"))
        elif reference in slo_ids:
            found[reference] = None
    return tuple(found)


def names_no_slo(reference: str, slo_ids: Sequence[str]) -> str | None:
    """What is wrong with a reference; None where it names something."""
    service, _, name = reference.partition("/")
    if _named((reference,), slo_ids):
        return None
    if name == EVERY:
        return unknown("service with SLOs", service, sorted({one.split("/")[0] for one in slo_ids}))
    return unknown("SLO", reference, list(slo_ids))
