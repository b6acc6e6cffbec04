"""Templates: what they say, where they are wrong, and that none runs for long or makes much."""

import itertools
import time
from pathlib import Path

import pytest
from hypothesis import given, settings

from alerting import wording
from alerting.notification import Message
from alerting.receivers import writer
from alerting.receivers.samples import samples
from alerting.receivers.source import Source, to_source
from alerting.receivers.writer import Words, WordsError, Writer
from tests.alerting.receivers.messages import RESOLVE, horrible, message

EVERYTHING = """
{% block title %}{{ service }}: {{ alerts[0].headline }}{% endblock %}
{% block text %}
{{ text }}{% for alert in firing %}
* {{ alert.slo }} since {{ alert.started_at | moment }}{% endfor %}
{% endblock %}
{% block html %}<b>{{ labels.env }}</b>{{ text }}{% endblock %}
"""


def said(text: str, told: Message | None = None) -> Words:
    return Writer(Source(text), strict=True).write(told or message())


def fault(text: str, file: Path | None = None) -> str:
    with pytest.raises(WordsError) as error:
        Writer(Source(text, file), strict=True).write(message())
    return str(error.value)


def test_without_blocks_the_whole_is_the_text() -> None:
    assert said("{{ state }} {{ service }}\n") == Words(text="FIRING shop")


def test_blocks_are_title_text_and_html() -> None:
    words = said(EVERYTHING)

    assert words.title.startswith("shop: burning 14.6x")
    assert words.text.endswith("* availability since 2026-11-20 14:00 UTC")
    assert words.html.startswith("<b>prod</b>")


def test_html_escapes_what_it_puts_in_and_text_does_not() -> None:
    both = "{% block text %}{{ owner }}{% endblock %}{% block html %}{{ owner }}{% endblock %}"
    words = said(both, message(owner="<script>&"))

    assert (words.text, words.html) == ("<script>&", "&lt;script&gt;&amp;")


def test_the_words_stand_in_the_place_of_the_built_in_ones() -> None:
    told = Words("My title", "My story").put_into(message(RESOLVE))

    assert (told.title, wording.paragraph(told)) == ("My title", "My story")


def test_what_is_not_said_stays_built_in() -> None:
    told = Words(title="My title").put_into(message())

    assert wording.paragraph(told) == wording.paragraph(message())


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("fine\n  {{ alert.slo }}", "oncall.j2:2:6: 'alert' is undefined"),
        ("{{ alerts[0].burn }}", "oncall.j2:1:14: 'dict object' has no attribute 'burn'"),
        ("a\nb\n{% if %}", "oncall.j2:3:1: Expected an expression, got 'end of statement block'"),
        ("{{ 1 / 0 }}", "oncall.j2:1:1: ZeroDivisionError: division by zero"),
        ("a\n{{ text | nosuch }}", "oncall.j2:2:11: No filter named 'nosuch'."),
        ("{% block text %}\n\n{{ nosuch }}{% endblock %}", "oncall.j2:3:4: 'nosuch' is undefined"),
        ("{# nothing #}", "oncall.j2:1:1: it says nothing"),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, where: str) -> None:
    assert fault(text, Path("oncall.j2")) == where


def test_what_does_not_exist_is_empty_when_a_page_is_to_be_sent() -> None:
    lenient = Writer(Source("{{ service }}{{ no.such.thing }}"))

    assert lenient.write(message()).text == "shop"


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ labels.__class__ }}",
        "{% for key in labels %}{{ labels.update({key: 1}) }}{% endfor %}",
        "{{ 'x' * 1000000000 }}",
        "{{ [0] * 1000000000 }}",
        "{{ '%01000000000d' % 1 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ '{:>1000000000}'.format('x') }}",
        "{{ '{x:>1000000000}'.format_map({'x': 'x'}) }}",
        "{{ '{:>1000000000}'['format']('x') }}",
        "{{ ('{:>1000000000}' | attr('format'))('x') }}",
        "{{ 'x'.ljust(1000000000) }}",
        "{{ 'x' | center(1000000000) }}",
        "{% set n = namespace(x=1) %}x",
        "{% include '/etc/passwd' %}",
        "{% for i in range(1000000000) %}{% endfor %}",
    ],
)
def test_the_sandbox_holds(text: str) -> None:
    assert fault(text)


@pytest.mark.parametrize("reach", [".format", "['format']", " | attr('format')"])
def test_no_way_leads_to_format(reach: str) -> None:
    assert "unsafe" in fault("{{ ('{:>9}'" + reach + ")('x') }}")


def test_a_loop_that_says_nothing_is_ended() -> None:
    endless = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
    ticks = itertools.count()  # a second a look
    with pytest.raises(WordsError, match="took longer"):
        Writer(Source(endless), monotonic=lambda: float(next(ticks))).write(message())


def test_it_is_ended_by_the_real_clock_too() -> None:
    endless = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
    began = time.monotonic()

    assert "took longer" in fault(endless)
    assert time.monotonic() - began < 60 * writer.SECONDS


def test_a_long_text_is_shortened_and_long_html_refused() -> None:
    flood = "{% for i in range(99999) %}0123456789{% endfor %}"

    assert len(said(flood).text) == writer.TEXT_LIMIT
    assert "longer than" in fault(f"{{% block html %}}{flood}{{% endblock %}}")


def test_samples_are_of_every_kind() -> None:
    for told in samples():
        words = said(EVERYTHING, told)
        assert words.text


@settings(max_examples=60, deadline=None)
@given(horrible())
def test_no_text_of_an_incident_breaks_a_template(bad: Message) -> None:
    words = said(EVERYTHING, bad)

    assert len(words.title) <= wording.TITLE_LIMIT
    assert len(words.text) <= writer.TEXT_LIMIT
    assert "\n" not in words.title
    assert "<script" not in words.html
    (words.title + words.text + words.html).encode()


@pytest.mark.parametrize("value", ["", "  ", 5, {"file": ""}, {"file": "a", "more": 1}, None, []])
def test_a_template_is_text_or_a_file(value: object) -> None:
    with pytest.raises(ValueError, match="a template is text"):
        to_source(value)
