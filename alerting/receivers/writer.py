"""A user's Jinja2 template for the words of a message: sandboxed, bounded in time and length."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from types import FrameType, TracebackType
from typing import Any

from jinja2 import ChainableUndefined, StrictUndefined, Template, TemplateError, TemplateSyntaxError
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from alerting import wording
from alerting.notification import AlertLine, Message
from alerting.receivers import evidence
from alerting.receivers.source import Source
from alerting.receivers.text import one_line, printable

TITLE, TEXT, HTML = "title", "text", "html"
TEXT_LIMIT = 10_000  # each receiver shortens further, to what its vendor takes
HTML_LIMIT = 200_000
VALUE_LIMIT = 5000  # of what a name stands for
SECONDS = 0.5

# What makes much out of little, without a loop that could be timed.
_HUNGRY_FILTERS = ("center", "format", "indent", "pprint", "wordwrap")
_HUNGRY_METHODS = {"center", "expandtabs", "format", "format_map", "ljust", "rjust", "zfill"}


TraceFunction = Callable[[FrameType, str, Any], Any]


class WordsError(Exception):
    """A template that says nothing usable, with its place: `oncall.j2:3:8: ...`."""


@dataclass(frozen=True, slots=True)
class Words:
    """What a template made of a message; what it does not say is empty."""

    title: str = ""
    text: str = ""
    html: str = ""

    def put_into(self, message: Message) -> Message:
        """The message with these words in the place of the built-in ones."""
        return replace(message, title=self.title or message.title, story=self.text, html=self.html)


class Writer:
    """A template, ready to write. Raises WordsError when it cannot be read.

    `strict` (when it is checked): a name that does not exist is a mistake. When a page is to be
    sent it is empty.
    """

    def __init__(
        self,
        source: Source,
        *,
        strict: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._monotonic = monotonic
        self._plain = self._compile(_environment(strict=strict, html=False))
        self._html = self._compile(_environment(strict=strict, html=True))

    def write(self, message: Message) -> Words:
        """What it says of this message. Raises WordsError, whatever goes wrong."""
        values, blocks = view(message), self._plain.blocks
        if not blocks.keys() & {TITLE, TEXT, HTML}:
            text = self._rendered(self._plain, None, values, TEXT_LIMIT)
            if not text:
                raise self._error(1, "it says nothing")
            return Words(text=text)
        parts = {
            name: self._rendered(template, name, values, limit)
            for template, name, limit in (
                (self._plain, TITLE, TEXT_LIMIT),
                (self._plain, TEXT, TEXT_LIMIT),
                (self._html, HTML, HTML_LIMIT),
            )
            if name in blocks
        }
        if not any(parts.values()):
            raise self._error(1, "it says nothing")
        title = one_line(parts.get(TITLE, ""), wording.TITLE_LIMIT)
        return Words(title, parts.get(TEXT, ""), parts.get(HTML, ""))

    def whole(self, message: Message) -> str:
        """All of it, which may be nothing. Raises WordsError, whatever goes wrong."""
        return self._rendered(self._plain, None, view(message), TEXT_LIMIT)

    def _compile(self, environment: "_Sandbox") -> Template:
        try:
            return environment.from_string(self._source.text)
        except TemplateSyntaxError as error:
            raise self._error(error.lineno, error.message or "it cannot be read") from error
        except TemplateError as error:
            raise self._error(1, str(error)) from error
        except RecursionError as error:
            raise self._error(1, "it is nested too deeply") from error

    def _rendered(
        self, template: Template, block: str | None, values: Mapping[str, Any], limit: int
    ) -> str:
        root = template.blocks[block] if block else template.root_render_func
        try:
            with _Deadline(self._monotonic, SECONDS):
                text = _joined(root(template.new_context(dict(values))), limit, cut=block != HTML)
        except Exception as error:
            line = _line_of(error.__traceback__, template)
            raise self._error(line, _words_of(error)) from error
        return printable(text).strip()

    def _error(self, line: int, words: str) -> WordsError:
        lines = self._source.text.splitlines() or [""]
        shown = lines[min(line, len(lines)) - 1]
        where = f"{line}:{_column(shown, words)}"
        name = str(self._source.file) if self._source.file else "template"
        return WordsError(f"{name}:{where}: {one_line(words, 300)}")


def view(message: Message) -> dict[str, Any]:
    """What a template can name: plain values alone, every name always there."""
    alerts = [_alert(line, message) for line in message.alerts]
    return {
        "title": _short(message.title),
        "text": _short(wording.paragraph(message)),
        "state": wording.state(message),
        "kind": str(message.kind),
        "over": message.kind.over,
        "severity": str(message.severity),
        "service": _short(message.service),
        "service_title": _short(message.service_title),
        "owner": message.owner and _short(message.owner),
        "runbook": message.runbook and _short(message.runbook),
        "receiver": message.receiver,
        "labels": _Labels({name: _short(value) for name, value in message.labels.items()}),
        "what_changed": _short(message.what_changed),
        "incident_id": message.incident_id,
        "incident_url": message.incident_url,
        "notification_id": message.notification_id,
        "revision": message.revision,
        "opened_at": message.opened_at,
        "decided_at": message.decided_at,
        "resolved_at": message.resolved_at,
        "acknowledged_by": message.acknowledged_by and _short(message.acknowledged_by),
        "linked_to": message.linked_to,
        "alerts": alerts,
        "firing": [alert for alert in alerts if not alert["over"]],
        "links": [{"words": words, "url": url} for words, url in wording.links(message)],
    }


def _alert(line: AlertLine, message: Message) -> dict[str, Any]:
    return {
        **{
            name: _short(value) if isinstance(value, str) else value
            for name, value in asdict(line.facts).items()
        },
        "slo": _short(line.slo),
        "rule": line.rule,
        "kind": str(line.kind),
        "severity": str(line.severity),
        "started_at": line.started_at,
        "ended_at": evidence.ended_at(message, line),
        "over": evidence.ended_at(message, line) is not None,
        "text": _short(wording.line_text(line)),
        "rows": [{"what": what, "text": _short(text)} for what, text in evidence.rows(line)],
        "dashboard_url": line.dashboard_url,
    }


def _short(text: str) -> str:
    return wording.clip(text, VALUE_LIMIT)


class _Labels(dict[str, str]):
    """Labels are the user's own, and not every service has all: one that is not there is empty."""

    def __missing__(self, name: str) -> str:
        return ""


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja2's sandbox, without the ways to make a gigabyte in one step."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: Context, operator: str, left: object, right: object) -> object:
        if not (isinstance(left, int | float) and isinstance(right, int | float)) or (
            operator == "**" and max(abs(left), abs(right)) > 1000
        ):
            raise SecurityError(f"{operator} is for numbers, and ** for small ones")
        result: object = super().call_binop(context, operator, left, right)
        return result

    def wrap_str_format(self, value: object) -> None:
        """No str.format, its sandboxed form included: a width in it makes a gigabyte at once.

        Jinja2 hands that form out before it asks is_safe_attribute.
        """
        del value

    def is_safe_attribute(self, obj: object, attr: str, value: object) -> bool:
        return attr not in _HUNGRY_METHODS and super().is_safe_attribute(obj, attr, value)


def _environment(*, strict: bool, html: bool) -> _Sandbox:
    made = _Sandbox(
        autoescape=html,
        undefined=StrictUndefined if strict else ChainableUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in _HUNGRY_FILTERS:
        del made.filters[name]
    # With a namespace a loop could double a text until nothing is left of the memory.
    for name in ("lipsum", "namespace"):
        del made.globals[name]
    made.filters |= {
        "moment": wording.moment,
        "duration": wording.duration,
        "share": wording.share,
        "burn": wording.burn,
    }
    return made


class _Deadline:
    """Ends Python code of this thread that runs for longer, loops that yield nothing included."""

    def __init__(self, monotonic: Callable[[], float], seconds: float) -> None:
        self._monotonic = monotonic
        self._until = monotonic() + seconds
        self._before: Any = None

    def __enter__(self) -> None:
        self._before = sys.gettrace()
        sys.settrace(self._look)

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)

    def _look(self, frame: FrameType, event: str, arg: object) -> TraceFunction:
        del frame, event, arg
        if self._monotonic() > self._until:
            raise TimeoutError(f"it took longer than {SECONDS} s")
        return self._look


def _joined(pieces: Iterable[str], limit: int, *, cut: bool) -> str:
    """All of it; what is too long is cut, but HTML is refused: its tags would stay open."""
    found: list[str] = []
    left = limit
    for piece in pieces:
        found.append(piece)
        left -= len(piece)
        if left < 0:
            break
    text = "".join(found)
    if len(text) > limit and not cut:
        raise ValueError(f"it is longer than {limit:,} characters")
    return wording.clip(text, limit)


def _line_of(traceback: TracebackType | None, template: Template) -> int:
    """The template's own line that an error came from: the innermost one."""
    line = 1
    for frame, at in _frames(traceback):
        if frame.f_globals.get("__jinja_template__") is template or (
            frame.f_code.co_filename == (template.filename or "<template>")
        ):
            line = template.get_corresponding_lineno(at)
    return line


def _frames(traceback: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    while traceback is not None:
        yield traceback.tb_frame, traceback.tb_lineno
        traceback = traceback.tb_next


def _words_of(error: Exception) -> str:
    said = str(error) or type(error).__name__
    return (
        said
        if isinstance(error, TemplateError | TimeoutError)
        else (f"{type(error).__name__}: {said}")
    )


def _column(line: str, words: str) -> int:
    """Where on its line the thing stands that the error names; Jinja2 itself tells lines alone."""
    quoted = words.split("'")[1::2]
    for name in reversed(quoted):
        if name and name in line:
            return line.index(name) + 1
    tags = [line.index(tag) for tag in ("{{", "{%") if tag in line]
    return min(tags, default=0) + 1
