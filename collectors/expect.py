"""Judge an answer: the first assertion that it fails, in words."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
import orjson

from collectors.certificate import Certificate, first_to_expire, too_few_days
from collectors.expectation import (
    HeaderPattern,
    HttpExpect,
    JsonCondition,
    JsonEquals,
    Scalar,
    SizeExpect,
)
from collectors.observation import Cause
from collectors.size import format_size
from slo.secret import HIDDEN
from slo.units import format_duration

SHOWN_CHARACTERS = 200
_NOTHING = object()


@dataclass(frozen=True, slots=True)
class Body:
    """What was read of a body, decoded. `trouble` says why it could not be, None when it was."""

    data: bytes = b""
    cut_at: int | None = None  # bytes; the body went on
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, once it was read."""

    status: int
    headers: httpx.Headers
    body: Body
    duration: timedelta
    chain: Sequence[Certificate] = ()
    version: str = ""  # HTTP/1.1, HTTP/2


@dataclass(frozen=True, slots=True)
class Failure:
    """The assertion that failed."""

    cause: Cause
    sentence: str


@dataclass(frozen=True, slots=True)
class Words:
    """How values of an answer are shown: without our secrets, and no longer than a person reads."""

    secrets: tuple[str, ...] = ()

    def quote(self, text: str) -> str:
        """The text on one line, in quotes."""
        return repr(self._cut(text))

    def json(self, value: object) -> str:
        """The value as JSON."""
        return self._cut(json.dumps(value, ensure_ascii=False, default=str))

    def hide(self, text: str) -> str:
        """The text without our secrets."""
        for secret in self.secrets:
            text = text.replace(secret, HIDDEN)
        return text

    def _cut(self, text: str) -> str:
        # Hidden before it is cut: the cut must not leave half a secret that no longer matches.
        text = self.hide(text)
        return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "..."


def judge(
    expect: HttpExpect, answer: Answer, now: datetime, secrets: Sequence[str] = ()
) -> Failure | None:
    """The first assertion that the answer fails; None when it passes. `secrets` are not shown."""
    return next(_failures(expect, answer, now, Words(tuple(secrets))), None)


def status_is(status: int, expected: Sequence[int | str]) -> bool:
    """Whether a status is among 200, "2xx" and the like."""
    return status in expected or f"{status // 100}xx" in expected


def _failures(expect: HttpExpect, answer: Answer, now: datetime, words: Words) -> Iterator[Failure]:
    yield from _status(expect, answer)
    if expect.version is not None and answer.version != f"HTTP/{expect.version}":
        wanted = f"expected HTTP/{expect.version}"
        yield Failure(Cause.ASSERTION, f"the answer came by {answer.version}; {wanted}")
    yield from _headers(expect, answer.headers, words)
    if expect.compression is not None:
        yield from _compression(expect.compression, answer.headers, words)
    if expect.looks_at_body:
        yield from _body(expect, answer, words)
    if expect.certificate_days is not None:
        yield from _certificate(expect.certificate_days, answer.chain, now)
    if expect.latency is not None and answer.duration > expect.latency:
        yield Failure(
            Cause.LATENCY,
            f"the answer took {_milliseconds(answer.duration)}; "
            f"expected at most {format_duration(expect.latency)}",
        )


def _status(expect: HttpExpect, answer: Answer) -> Iterator[Failure]:
    if not status_is(answer.status, expect.status):
        expected = " or ".join(str(status) for status in expect.status)
        yield Failure(Cause.STATUS, f"the status is {answer.status}; expected {expected}")


def _headers(expect: HttpExpect, headers: httpx.Headers, words: Words) -> Iterator[Failure]:
    for name, expected in expect.headers.items():
        value = headers.get(name)
        if value is None:
            yield Failure(Cause.ASSERTION, f"the header {name} is missing")
        elif isinstance(expected, HeaderPattern):
            if not expected.regex.found_in(value):
                yield Failure(
                    Cause.ASSERTION,
                    f"the header {name} is {words.quote(value)}; "
                    f"expected a match of {words.quote(str(expected.regex))}",
                )
        elif value != expected:
            yield Failure(
                Cause.ASSERTION,
                f"the header {name} is {words.quote(value)}; expected {words.quote(expected)}",
            )


def _body(expect: HttpExpect, answer: Answer, words: Words) -> Iterator[Failure]:
    if answer.body.trouble is not None:
        yield Failure(Cause.BODY, answer.body.trouble)
        return
    if expect.size is not None:
        yield from _size(expect.size, answer.body)
    if expect.body or expect.body_regex is not None:
        yield from _text(expect, answer, words)
    if expect.json_:
        yield from _json(expect, answer.body, words)


def _compression(expected: str, headers: httpx.Headers, words: Words) -> Iterator[Failure]:
    encoding = headers.get("content-encoding", "").strip().lower()
    is_plain = encoding in ("", "identity")
    if expected == "gzip" and encoding not in ("gzip", "x-gzip"):
        came = "not compressed" if is_plain else f"encoded as {words.quote(encoding)}"
        yield Failure(Cause.ASSERTION, f"the body is {came}; expected gzip")
    elif expected == "none" and not is_plain:
        came = words.quote(encoding)
        yield Failure(Cause.ASSERTION, f"the body is encoded as {came}; expected no compression")


def _size(expect: SizeExpect, body: Body) -> Iterator[Failure]:
    size = len(body.data)
    came = f"more than {format_size(size)}" if body.cut_at else f"{size:,} bytes"
    if expect.at_least is not None and size < expect.at_least:
        least = format_size(expect.at_least)
        yield Failure(Cause.BODY, f"the body has {came}; expected at least {least}")
    if expect.at_most is not None and size > expect.at_most:
        most = format_size(expect.at_most)
        yield Failure(Cause.BODY, f"the body has {came}; expected at most {most}")


def _text(expect: HttpExpect, answer: Answer, words: Words) -> Iterator[Failure]:
    charset = httpx.Response(200, headers=answer.headers).charset_encoding or "utf-8"
    try:
        text = answer.body.data.decode(charset, errors="replace")
    except (LookupError, UnicodeError):
        yield Failure(
            Cause.BODY, f"the body is in an unknown character set, {words.quote(charset)}"
        )
        return
    within = f" in its first {format_size(answer.body.cut_at)}" if answer.body.cut_at else ""
    came = f"it begins with {words.quote(text)}" if text else "it is empty"
    for expected in expect.body:
        if expected not in text:
            yield Failure(
                Cause.BODY, f"the body does not contain {words.quote(expected)}{within}; {came}"
            )
    if expect.body_regex is not None and not expect.body_regex.found_in(text):
        yield Failure(
            Cause.BODY,
            f"the body does not match {words.quote(str(expect.body_regex))}{within}; {came}",
        )


def _json(expect: HttpExpect, body: Body, words: Words) -> Iterator[Failure]:
    if body.cut_at is not None:
        yield Failure(
            Cause.BODY,
            f"the body is longer than body_limit, {format_size(body.cut_at)}: "
            "what was read of it is no whole JSON document",
        )
        return
    try:
        document = orjson.loads(body.data.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        begins = words.quote(body.data[:4096].decode(errors="replace"))
        came = f"it begins with {begins}" if body.data else "it is empty"
        yield Failure(Cause.BODY, f"the body is no valid JSON ({error.msg}); {came}")
        return
    for path, expected in expect.json_.items():
        try:
            values = path.values(document)
        except ValueError as error:
            yield Failure(Cause.ASSERTION, str(error))
        else:
            for value in _unmet(values, expected):
                came = "is not in the answer" if value is _NOTHING else f"is {words.json(value)}"
                sought = wanted(expected, words)
                yield Failure(Cause.ASSERTION, f"{path} {came}; expected {sought}")


def _unmet(values: Sequence[object], expected: JsonEquals | JsonCondition) -> Iterator[object]:
    """The values that are not as expected, every one of them must be; _NOTHING when none came."""
    if isinstance(expected, JsonCondition) and expected.exists is not None:
        if bool(values) is not expected.exists:
            yield values[0] if values else _NOTHING
    elif not values:
        yield _NOTHING
    else:
        yield from (value for value in values if not meets(value, expected))


def meets(value: object, expected: JsonEquals | JsonCondition) -> bool:
    """Whether a value that is there is as expected."""
    if isinstance(expected, JsonEquals):
        return _same(value, expected.equals)
    if expected.one_of is not None:
        return any(_same(value, one) for one in expected.one_of)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    above = expected.above is None or value > expected.above
    below = expected.below is None or value < expected.below
    return above and below


def _same(value: object, expected: Scalar) -> bool:
    """Equal as JSON knows it: 1 is 1.0, but true is not 1."""
    if isinstance(value, bool) or isinstance(expected, bool):
        return value is expected
    return value == expected


def wanted(expected: JsonEquals | JsonCondition, words: Words) -> str:
    """What is expected, in words."""
    if isinstance(expected, JsonEquals):
        return words.json(expected.equals)
    if expected.one_of is not None:
        return "one of " + ", ".join(words.json(one) for one in expected.one_of)
    if expected.exists is not None:
        return "something there" if expected.exists else "nothing there"
    bounds = {"above": expected.above, "below": expected.below}
    said = " and ".join(f"{word} {bound}" for word, bound in bounds.items() if bound is not None)
    return f"a number {said}"


def _certificate(days: int, chain: Sequence[Certificate], now: datetime) -> Iterator[Failure]:
    certificate = first_to_expire(chain)
    if certificate is None:
        yield Failure(Cause.CERTIFICATE, "no certificate was presented: the answer came in clear")
    elif (why := too_few_days(certificate, days, now)) is not None:
        yield Failure(Cause.CERTIFICATE, why)


def _milliseconds(duration: timedelta) -> str:
    return f"{duration / timedelta(milliseconds=1):.0f} ms"
