"""The `alerting` section of config.yaml: receivers, the tree that routes to them, and quiet."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal, Self, cast

from pydantic import (
    AfterValidator,
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

from alerting.bucket import Rate
from alerting.delivery_sli import SERVICE as SELF
from alerting.dependency import LONGEST_WAIT, WAIT
from alerting.inhibition import Inhibition
from alerting.outside.config import AlertmanagerApiConfig
from alerting.receivers import RECEIVERS
from alerting.routes import EVERY_LABEL, Escalation, Route, Terms
from alerting.silence import SilencePlan
from alerting.time_interval import (
    Hours,
    Span,
    TimeInterval,
    TimeRange,
    parse_days_of_month,
    parse_months,
    parse_time,
    parse_weekdays,
    parse_years,
)
from alerting.watching_config import CanaryConfig, DeliverySLOConfig, HeartbeatConfig
from slo.exclusion_config import ExclusionConfig
from slo.fields import NAME_PATTERN, PositiveDuration
from slo.selector import Matcher, matcher, parse_matchers
from slo.units import Duration, format_duration, parse_duration
from slo.zone import parse_zone

_STRICT = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
_NAME = re.compile(NAME_PATTERN)
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
# Alertmanager's defaults.
_GROUP_WAIT = timedelta(seconds=30)
_GROUP_INTERVAL = timedelta(minutes=5)
_REPEAT_INTERVAL = timedelta(hours=4)
_TEXTS = {"type": "array", "items": {"type": "string"}, "minItems": 1}


def _name(value: object) -> object:
    if not isinstance(value, str) or not _NAME.fullmatch(value) or len(value) > 100:
        raise ValueError(
            f"{value!r} is not a name for a receiver: use small letters, digits, - and _, "
            "beginning with a letter or a digit, at most 100"
        )
    return value


def _interval_name(value: object) -> object:
    if not isinstance(value, str) or not _NAME.fullmatch(value) or len(value) > 100:
        raise ValueError(
            f"{value!r} is not a name for a time interval: use small letters, digits, - and _, "
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


def _group_by(labels: tuple[str, ...]) -> tuple[str, ...]:
    for place, label in enumerate(labels):
        if label in labels[:place]:
            raise ValueError(f"the label {label!r} is there twice")
        if label != EVERY_LABEL and not _LABEL.fullmatch(label):
            raise ValueError(f"{label!r} is not the name of a label")
    if EVERY_LABEL in labels and len(labels) > 1:
        raise ValueError("'...' is every label, so it stands alone")
    return labels


def _label_name(label: str) -> str:
    if not _LABEL.fullmatch(label):
        raise ValueError(f"{label!r} is not the name of a label")
    return label


def _zone_name(name: str) -> str:
    if name == "Local":
        raise ValueError("'Local' would be another time on another machine: name the zone")
    return parse_zone(name).key


def _span(parse: Callable[[object], Span], *examples: str) -> tuple[object, ...]:
    """How a range that `parse` reads is annotated."""
    return (
        PlainValidator(lambda value: value if isinstance(value, Span) else parse(value)),
        PlainSerializer(lambda span: f"{span.first}:{span.last}"),
        WithJsonSchema({"type": ["string", "integer"], "examples": list(examples)}),
    )


_AT_LEAST_ONE = Field(min_length=1)
_CLOCK = WithJsonSchema({"type": "string", "pattern": r"^\d\d:\d\d$", "examples": ["09:00"]})
GroupBy = Annotated[tuple[str, ...], AfterValidator(_group_by)]
LabelName = Annotated[str, AfterValidator(_label_name)]
ZoneName = Annotated[str, AfterValidator(_zone_name)]
IntervalName = Annotated[
    str,
    BeforeValidator(_interval_name),
    WithJsonSchema({"type": "string", "pattern": f"^{NAME_PATTERN}$", "maxLength": 100}),
]
StartTime = Annotated[int, PlainValidator(parse_time), _CLOCK]
EndTime = Annotated[int, PlainValidator(lambda value: parse_time(value, last=True)), _CLOCK]
Weekdays = Annotated[Span, *_span(parse_weekdays, "monday:friday", "sunday")]
DaysOfMonth = Annotated[Span, *_span(parse_days_of_month, "1:5", "-1")]
Months = Annotated[Span, *_span(parse_months, "december:january", "3")]
Years = Annotated[Span, *_span(parse_years, "2026", "2026:2028")]


def _rate(value: object) -> object:
    if isinstance(value, tuple):
        return value
    count, slash, per = str(value).partition("/")
    number = int(count) if count.strip().isascii() and count.strip().isdecimal() else 0
    if not slash or not number:
        raise ValueError(f"{value!r} is not a rate: write how many in how long, such as 60/1m")
    length = parse_duration(per.strip())
    if not length:
        raise ValueError("a rate is in some length of time, such as 60/1m")
    return number, length


ReceiverRate = Annotated[
    tuple[int, timedelta],
    PlainValidator(_rate),
    PlainSerializer(lambda rate: f"{rate[0]}/{format_duration(rate[1])}"),
    WithJsonSchema({"type": "string", "examples": ["60/1m", "1/1s"]}),
]


class _OneKind(BaseModel):
    """A receiver: a key that is its kind, which holds that kind's settings, and its rate."""

    model_config = _STRICT

    most: ReceiverRate | None = Field(
        None,
        alias="rate",
        description="How much it is sent at most, such as 60/1m; default: what its kind takes.",
    )

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
    def rate(self) -> Rate:
        """How fast it is told."""
        usual = RECEIVERS[self.kind].rate
        if self.most is None:
            return usual
        count, per = self.most
        return Rate(count, per, min(count, usual.burst), usual.digest_after)

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


class EscalationConfig(BaseModel):
    """Who is told too, when nobody has acknowledged in time."""

    model_config = _STRICT

    after: PositiveDuration = Field(description="Since the route's receivers were told.")
    receivers: tuple[str, ...] = Field(min_length=1, description="Who is told then.")


class RouteTerms(BaseModel):
    """What a route says of how it speaks; left out, as the route above it does."""

    model_config = _STRICT

    failover: tuple[str, ...] | None = Field(
        None, description="Receivers to try, in this order, when one cannot be told."
    )
    escalate: tuple[EscalationConfig, ...] | None = Field(
        None, description="Who is told when nobody acknowledged."
    )
    group_by: GroupBy | None = Field(
        None, description="Labels that alerts from outside share in one incident."
    )
    group_wait: Duration | None = Field(
        None, description="How long a first message waits for others; pages never do."
    )
    group_interval: PositiveDuration | None = Field(
        None, description="Shortest time between messages about one incident; pages never wait."
    )
    repeat_interval: PositiveDuration | None = Field(
        None, description="When it is said again, while it fires and nobody acknowledged."
    )

    @property
    def terms(self) -> Terms:
        steps = self.escalate
        escalate = (
            None if steps is None else tuple(Escalation(one.after, one.receivers) for one in steps)
        )
        return Terms(
            failover=self.failover,
            escalate=escalate,
            group_by=self.group_by,
            group_wait=self.group_wait,
            group_interval=self.group_interval,
            repeat_interval=self.repeat_interval,
        )


class RouteConfig(RouteTerms):
    """A branch: takes the alerts that meet every matcher."""

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
    active_time_intervals: tuple[str, ...] = Field(
        (), description="Speaks only in these; not inherited."
    )
    mute_time_intervals: tuple[str, ...] = Field((), description="Quiet in these; not inherited.")

    def route(self, intervals: Mapping[str, TimeInterval]) -> Route:
        return Route(
            self.match,
            self.receivers,
            tuple(route.route(intervals) for route in self.routes),
            self.go_on,
            self.terms,
            tuple(intervals[name] for name in self.active_time_intervals),
            tuple(intervals[name] for name in self.mute_time_intervals),
        )


class RootRouteConfig(RouteTerms):
    """The root takes every alert at every time, so it has neither matchers nor intervals."""

    receivers: tuple[str, ...] = Field((), description="Who is told when no route matches.")
    routes: tuple[RouteConfig, ...] = Field((), description="The first that matches is taken.")
    group_wait: Duration = Field(
        _GROUP_WAIT, description="How long a first message waits for others; pages never do."
    )
    group_interval: PositiveDuration = Field(
        _GROUP_INTERVAL,
        description="Shortest time between messages about one incident; pages never wait.",
    )
    repeat_interval: PositiveDuration = Field(
        _REPEAT_INTERVAL,
        description="When it is said again, while it fires and nobody acknowledged.",
    )

    def route(self, intervals: Mapping[str, TimeInterval]) -> Route:
        below = tuple(route.route(intervals) for route in self.routes)
        return Route((), self.receivers, below, terms=self.terms)


class HoursConfig(BaseModel):
    """Local times; an end at or before the start is on the next day."""

    model_config = _STRICT

    start_time: StartTime
    end_time: EndTime

    @model_validator(mode="after")
    def _is_no_moment(self) -> Self:
        if self.start_time == self.end_time:
            raise ValueError("it ends as it starts; leave `times` out for a whole day")
        return self


class TimeRangeConfig(BaseModel):
    """What must all hold; what is left out always does."""

    model_config = _STRICT

    times: tuple[HoursConfig, ...] = ()
    weekdays: tuple[Weekdays, ...] = ()
    days_of_month: tuple[DaysOfMonth, ...] = ()
    months: tuple[Months, ...] = ()
    years: tuple[Years, ...] = ()
    location: ZoneName = Field("UTC", description="The IANA time zone of these times.")

    def range(self) -> TimeRange:
        hours = tuple(Hours(one.start_time, one.end_time) for one in self.times)
        zone = parse_zone(self.location)
        return TimeRange(hours, self.weekdays, self.days_of_month, self.months, self.years, zone)


class InhibitRuleConfig(BaseModel):
    """While a source fires, targets with the same `equal` labels are held back."""

    model_config = _STRICT

    source_matchers: Matchers
    target_matchers: Matchers
    equal: tuple[LabelName, ...] = Field((), description="Labels in which both must agree.")


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
    time_intervals: Mapping[IntervalName, Annotated[tuple[TimeRangeConfig, ...], _AT_LEAST_ONE]] = (
        Field(default_factory=dict, description="By name; one of the ranges must hold.")
    )
    inhibit_rules: tuple[InhibitRuleConfig, ...] = Field(
        (), description="Which alerts hold back which."
    )
    dependency_wait: Duration = Field(
        WAIT,
        description="How long a service with `depends_on` waits for what it depends on to be "
        "told first. At most 5m.",
    )
    heartbeat: HeartbeatConfig | None = Field(
        None, description="Who is told that Nines lives, while nothing of its work is overdue."
    )
    alertmanager_api: AlertmanagerApiConfig = Field(
        AlertmanagerApiConfig(), description="Alerts from outside, as an Alertmanager takes them."
    )
    canary: CanaryConfig | None = Field(
        None, description="How often each receiver is sent a message that shows that it can be."
    )

    delivery_slo: DeliverySLOConfig | Literal["off"] | None = Field(
        None,
        description="How soon pages are to be receipted, as an SLO of Nines itself; or `off`. "
        "Default: as if it were empty, where there is a `heartbeat` or a `canary`.",
    )

    @model_validator(mode="after")
    def _waits_briefly(self) -> Self:
        if self.dependency_wait > LONGEST_WAIT:
            raise ValueError(
                f"`dependency_wait: {format_duration(self.dependency_wait)}` would hold pages up; "
                f"write at most {format_duration(LONGEST_WAIT)}"
            )
        return self

    @property
    def own_slo(self) -> DeliverySLOConfig | None:
        """The SLO of our own deliveries; None where there are none, or nobody wants it."""
        if self.delivery_slo == "off" or not self.receivers:
            return None
        watched = self.heartbeat is not None or self.canary is not None
        return self.delivery_slo or (DeliverySLOConfig() if watched else None)

    @property
    def delivery_within(self) -> timedelta:
        """How soon after its decision a delivery is good."""
        own = self.own_slo or DeliverySLOConfig()
        return own.within

    @property
    def canary_receivers(self) -> tuple[str, ...]:
        """The receivers that the schedule sends canaries, in its hours."""
        if self.canary is None:
            return ()
        return tuple(self.receivers) if self.canary.receivers is None else self.canary.receivers

    @cached_property
    def route(self) -> Route:
        """The tree, ready to be asked."""
        tree = self.root.route({name: self._interval(name) for name in self.time_intervals})
        own = self.own_slo
        if own is None:
            return tree
        # What tells that a receiver fails must find its way past it.
        about_us = Route(
            (matcher("service", "=", SELF),),
            own.receivers,
            () if own.receivers else tree.routes,
            terms=Terms(failover=tuple(self.receivers)),
            own=True,
        )
        return replace(tree, routes=(about_us, *tree.routes))

    def _interval(self, name: str) -> TimeInterval:
        return TimeInterval(name, tuple(one.range() for one in self.time_intervals[name]))

    def silence_plans(self, author: str) -> tuple[SilencePlan, ...]:
        """The silences, by this author."""
        return tuple(one.silence_plan(author) for one in self.silences)

    def sends_canaries(self, now: datetime) -> tuple[str, ...]:
        """The receivers that the schedule may send one now."""
        canary = self.canary
        if canary is None:
            return ()
        within = [self._interval(name) for name in canary.active_time_intervals]
        if within and not any(one.holds(now) for one in within):
            return ()
        return self.canary_receivers

    @cached_property
    def inhibitions(self) -> tuple[Inhibition, ...]:
        """The rules by which alerts hold back others; their names are their places."""
        return tuple(
            Inhibition(
                f"inhibit rule {number}", rule.source_matchers, rule.target_matchers, rule.equal
            )
            for number, rule in enumerate(self.inhibit_rules, start=1)
        )
