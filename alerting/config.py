"""The `alerting` section of config.yaml: receivers by name, and the tree that routes to them."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Self, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
    create_model,
    model_validator,
)

from alerting.receivers import RECEIVERS
from alerting.routes import Route
from alerting.silence import SilencePlan
from slo.exclusion_config import ExclusionConfig
from slo.fields import NAME_PATTERN
from slo.selector import Matcher, parse_matchers

_STRICT = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
_NAME = re.compile(NAME_PATTERN)
_TEXTS = {"type": "array", "items": {"type": "string"}, "minItems": 1}


def _name(value: object) -> object:
    if not isinstance(value, str) or not _NAME.fullmatch(value) or len(value) > 100:
        raise ValueError(
            f"{value!r} is not a name for a receiver: use small letters, digits, - and _, "
            "beginning with a letter or a digit, at most 100"
        )
    return value


def _matchers(value: object) -> tuple[Matcher, ...]:
    """Read one text or a list of them. Raises ValueError with the column."""
    texts = value if isinstance(value, list | tuple) else [value]
    found: list[Matcher] = []
    for text in texts:
        if isinstance(text, Matcher):
            found.append(text)
        elif isinstance(text, str):
            found.extend(parse_matchers(text))
        else:
            raise ValueError(f"{text!r} is not a matcher: write it such as 'severity=\"page\"'")
    if not found:
        raise ValueError("write at least one matcher, such as 'severity=\"page\"'")
    return tuple(found)


ReceiverName = Annotated[
    str,
    BeforeValidator(_name),
    WithJsonSchema({"type": "string", "pattern": f"^{NAME_PATTERN}$", "maxLength": 100}),
]
Matchers = Annotated[
    tuple[Matcher, ...],
    PlainValidator(_matchers),
    PlainSerializer(lambda matchers: ", ".join(map(str, matchers))),
    WithJsonSchema(
        {"anyOf": [{"type": "string"}, _TEXTS], "examples": ['severity="page", env!="dev"']}
    ),
]


class _OneKind(BaseModel):
    """A receiver: its only key is its kind, and holds that kind's settings."""

    model_config = _STRICT

    @model_validator(mode="after")
    def _has_one_kind(self) -> Self:
        kinds = [kind for kind in RECEIVERS if getattr(self, kind) is not None]
        if len(kinds) != 1:
            said = f"not {' and '.join(kinds)}" if kinds else f"one of {', '.join(RECEIVERS)}"
            raise ValueError(f"a receiver has one kind, {said}")
        return self

    @property
    def kind(self) -> str:
        return next(kind for kind in RECEIVERS if getattr(self, kind) is not None)

    @property
    def config(self) -> BaseModel:
        """The settings: a value of the kind's own model."""
        return cast(BaseModel, getattr(self, self.kind))


if TYPE_CHECKING:
    ReceiverConfig = _OneKind
else:
    # One field a kind, so that the JSON Schema names them and every error has its place.
    ReceiverConfig = create_model(
        "ReceiverConfig",
        __base__=_OneKind,
        __doc__=_OneKind.__doc__,
        **{
            kind: (receiver.config | None, Field(None, description=receiver.config.__doc__))
            for kind, receiver in RECEIVERS.items()
        },
    )


class RouteConfig(BaseModel):
    """A branch: takes the alerts that meet every matcher."""

    model_config = _STRICT

    match: Matchers
    receivers: tuple[str, ...] | None = Field(
        None, description="Who is told; default: the receivers of the route above."
    )
    routes: tuple["RouteConfig", ...] = Field((), description="The first that matches is taken.")
    go_on: bool = Field(
        default=False,
        alias="continue",
        strict=True,
        description="Whether later routes beside this one may take the alert too.",
    )

    def route(self) -> Route:
        below = tuple(route.route() for route in self.routes)
        return Route(self.match, self.receivers, below, self.go_on)


class RootRouteConfig(BaseModel):
    """The root takes every alert, so it has no matchers."""

    model_config = _STRICT

    receivers: tuple[str, ...] = Field((), description="Who is told when no route matches.")
    routes: tuple[RouteConfig, ...] = Field((), description="The first that matches is taken.")

    def route(self) -> Route:
        return Route((), self.receivers, tuple(route.route() for route in self.routes))


class SilenceConfig(ExclusionConfig):
    """Alerts of which nobody is newly told for a while; with `rrule`, again and again."""

    match: Matchers

    @model_validator(mode="after")
    def _takes_not_everything(self) -> Self:
        self.silence_plan("")
        return self

    def silence_plan(self, author: str) -> SilencePlan:
        """What is to be silenced, by this author."""
        return SilencePlan(self.match, self.schedule(), self.reason, author)


class AlertingConfig(BaseModel):
    """Who is told of alerts."""

    model_config = _STRICT

    receivers: Mapping[ReceiverName, ReceiverConfig] = Field(default_factory=dict)
    root: RootRouteConfig = Field(RootRouteConfig(), alias="route")
    silences: tuple[SilenceConfig, ...] = Field(
        (), description="When nobody is newly told of some alerts, planned ahead."
    )

    def silence_plans(self, author: str) -> tuple[SilencePlan, ...]:
        """The silences, by this author."""
        return tuple(one.silence_plan(author) for one in self.silences)

    @property
    def route(self) -> Route:
        """The tree, ready to be asked."""
        return self.root.route()
