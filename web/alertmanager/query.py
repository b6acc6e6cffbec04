"""Read what a request to Alertmanager's API asks for, and refuse what Alertmanager refuses."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from starlette.datastructures import QueryParams

from alerting.outside.posting import (
    BAD_FORMAT,
    REQUIRED,
    TOO_FEW,
    RefusedBodyError,
    read_json,
    read_time,
    unreadable,
)
from alerting.silence import Silence, SilencePlan, SilenceState
from dashboards.alertmanager import AlertQuestion
from slo.planning import PlanError
from slo.recurrence import Once
from slo.selector import Matcher, SelectorError, matcher, parse_matchers

_TRUE = frozenset({"true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled"})
# A matcher as in `alertname=foo bar`: the value may stand without quotes.
_BARE = re.compile(r'\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(=~|!~|!=|=)\s*([^"~\s{}].*?|)\s*', re.DOTALL)
_SECOND = timedelta(seconds=1)


class BadQuestionError(ValueError):
    """A question that Alertmanager answers with 400 and this sentence."""


def alert_question(query: QueryParams) -> AlertQuestion:
    """Raises BadQuestionError."""
    return AlertQuestion(
        filters=filters(query),
        receiver=_receiver(query.get("receiver", "")),
        active=flag(query, "active"),
        silenced=flag(query, "silenced"),
        inhibited=flag(query, "inhibited"),
        muted=flag(query, "muted"),
    )


def filters(query: QueryParams) -> tuple[Matcher, ...]:
    """All of `filter=`. Raises BadQuestionError."""
    return tuple(one for text in query.getlist("filter") for one in _matchers(text))


def silence_states(query: QueryParams) -> list[SilenceState]:
    """Those that are asked for."""
    return [state for state in SilenceState if flag(query, str(state))]


def flag(query: QueryParams, name: str) -> bool:
    """A truth value, which is true where it is missing."""
    return query.get(name, "true").lower() in _TRUE


def read_silence(body: bytes) -> tuple[str | None, dict[str, Any]]:
    """The id that is to be changed, if any, and the rest. Raises RefusedBodyError."""
    raw = read_json(body, "silence")
    if not isinstance(raw, Mapping):
        raise unreadable("silence", "an object was expected")
    for name in ("comment", "createdBy", "endsAt", "matchers", "startsAt"):
        if raw.get(name) is None:
            raise RefusedBodyError(422, REQUIRED, f"{name} in body is required")
    for name in ("comment", "createdBy"):
        if not isinstance(raw[name], str):
            raise unreadable("silence", f"{name} is not text")
    if not isinstance(raw["matchers"], list):
        raise unreadable("silence", "matchers is not a list")
    if not raw["matchers"]:
        raise RefusedBodyError(422, TOO_FEW, "matchers in body should have at least 1 items")
    for place, one in enumerate(raw["matchers"]):
        _check_matcher(one, place)
    times = {name: read_time(raw[name], "silence", name) for name in ("startsAt", "endsAt")}
    for name, at in times.items():
        if at is None:
            raise RefusedBodyError(422, BAD_FORMAT, f"{name} in body must be of type date-time")
    id_ = raw.get("id")
    if id_ is not None and not isinstance(id_, str):
        raise unreadable("silence", "id is not text")
    return id_ or None, dict(raw) | times


def silence_plan(raw: Mapping[str, Any], before: Silence | None, now: datetime) -> SilencePlan:
    """What is asked for; `before` is what it changes. Raises BadQuestionError."""
    start, end = raw["startsAt"], raw["endsAt"]
    if start > end:
        raise BadQuestionError("Failed to create silence: start time must be before end time")
    if end < now:
        raise BadQuestionError("Failed to create silence: end time can't be in the past")
    was = before.schedule if before is not None else None
    # It was told its start in milliseconds.
    if isinstance(was, Once) and abs(was.start - start) < _SECOND:
        start = was.start
    found = [_matcher(one, place) for place, one in enumerate(raw["matchers"])]
    if all(one.matches({}) for one in found):
        raise BadQuestionError(
            "silence invalid: at least one matcher must not match the empty string"
        )
    if start >= end:
        raise BadQuestionError("silence invalid: invalid end time: it must be after its start")
    try:
        return SilencePlan(tuple(found), Once(start, end), raw["comment"], raw["createdBy"])
    except PlanError as error:
        raise BadQuestionError(f"silence invalid: {error}") from None


def _matcher(one: Mapping[str, Any], place: int) -> Matcher:
    """Raises BadQuestionError."""
    is_equal = one.get("isEqual", True)
    operator = ("=~" if is_equal else "!~") if one["isRegex"] else ("=" if is_equal else "!=")
    where = f"silence invalid: invalid label matcher {place}"
    if not one["name"]:
        raise BadQuestionError(f'{where}: invalid label name ""')
    try:
        return matcher(one["name"], operator, one["value"])
    except SelectorError as error:
        raise BadQuestionError(f"{where}: {error}") from None


def _check_matcher(one: object, place: int) -> None:
    if not isinstance(one, Mapping):
        raise unreadable("silence", f"matchers.{place} is not an object")
    for name, kind in (("isRegex", bool), ("name", str), ("value", str)):
        value = one.get(name)
        if value is None:
            text = f"matchers.{place}.{name} in body is required"
            raise RefusedBodyError(422, REQUIRED, text)
        if not isinstance(value, kind):
            raise unreadable("silence", f"matchers.{place}.{name} is of another type")
    if not isinstance(one.get("isEqual", True), bool):
        raise unreadable("silence", f"matchers.{place}.isEqual is of another type")


def _matchers(text: str) -> tuple[Matcher, ...]:
    bare = _BARE.fullmatch(text)
    try:
        if bare is not None:
            return (matcher(bare[1], bare[2], bare[3]),)
        stripped = text.strip()
        if stripped.startswith("{") and stripped.endswith("}"):
            stripped = stripped[1:-1]
        return parse_matchers(stripped)
    except SelectorError as error:
        if "regular expression" in str(error):
            raise BadQuestionError(f"error parsing regexp: {error}") from None
        raise BadQuestionError(f"bad matcher format: {text[:200]}") from None


def _receiver(text: str) -> Matcher | None:
    if not text:
        return None
    try:
        return matcher("receiver", "=~", text)
    except SelectorError as error:
        text = f"failed to parse receiver param: error parsing regexp: {error}"
        raise BadQuestionError(text) from None
