"""Read the templates that the configuration names, and try each on incidents of every kind."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from alerting.notification import Message
from alerting.receivers.samples import samples
from alerting.receivers.source import Source
from alerting.receivers.template import TemplateConfig
from alerting.receivers.writer import WordsError, Writer

LIMIT = 256 * 1024  # bytes
Settings = TypeVar("Settings", bound=BaseModel)


def with_template(settings: Settings, directory: Path) -> tuple[Settings, list[tuple[str, str]]]:
    """The settings with their template read from `directory`; the keys at fault, and why."""
    if isinstance(settings, TemplateConfig):
        found = {
            key: fault
            for key, source in settings.templates
            if (fault := fault_of(source, samples(), Writer.whole)) is not None
        }
        return settings, list(found.items())
    source = getattr(settings, "template", None)
    if not isinstance(source, Source):
        return settings, []
    if source.file is not None:
        text, ailment = _read(directory / source.file)
        if ailment:
            return settings, [("template", f"the template in {source.file} {ailment}")]
        source = replace(source, text=text)
    fault = fault_of(source, samples())
    read = settings.model_copy(update={"template": source})
    return read, [("template", fault)] if fault else []


def fault_of(
    source: Source,
    messages: Iterable[Message],
    write: Callable[[Writer, Message], object] = Writer.write,
) -> str | None:
    """What is wrong with a template, by the first of these messages of which it cannot be said."""
    try:
        writer = Writer(source, strict=True)
    except WordsError as error:
        return str(error)
    for message in messages:
        try:
            write(writer, message)
        except WordsError as error:
            return f"{error} (of incident {message.incident_id}, {message.kind})"
    return None


def _read(file: Path) -> tuple[str, str | None]:
    try:
        with file.open("rb") as opened:
            content = opened.read(LIMIT + 1)
        if len(content) > LIMIT:
            return "", "cannot be used: it is larger than 256 KiB"
        text = content.decode()
    except UnicodeDecodeError:
        return "", "is not UTF-8 text"
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL in it
        reason = getattr(error, "strerror", None) or "its name is not valid"
        return "", f"cannot be read: {reason.lower()}"
    return (text, None) if text.strip() else ("", "cannot be used: it is empty")
