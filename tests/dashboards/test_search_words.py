"""The words of the search box mean what they say, and are written as they are read."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from dashboards.search_words import FACETS, Term, read_words, toggled, write_words


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("checkout", (Term("", "checkout"),)),
        ("owner:pets state:burning", (Term("owner", "pets"), Term("state", "burning"))),
        ('owner:"pets team" a', (Term("owner", "pets team"), Term("", "a"))),
        ('owner:""', (Term("owner", ""),)),
        ("env:prod", (Term("env", "prod"),)),
        ("https://a.example/x", (Term("", "https://a.example/x"),)),
        ('"two words"', (Term("", "two words"),)),
        ('"never closed', (Term("", "never closed"),)),
        ("a a", (Term("", "a"),)),
        ("owner:", (Term("", "owner:"),)),
        ("   ", ()),
    ],
)
def test_what_is_written_is_read(text: str, terms: tuple[Term, ...]) -> None:
    assert read_words(text, ["env"]) == terms


KEYS = some.sampled_from(("", *FACETS, "env"))
TERMS = some.lists(some.builds(Term, KEYS, some.text(min_size=1, max_size=9)), unique=True)


@given(TERMS)
def test_whatever_is_meant_can_be_written(terms: list[Term]) -> None:
    assert read_words(write_words(terms), ["env"]) == tuple(terms)


@given(some.text(max_size=60))
def test_no_text_breaks_the_reading(text: str) -> None:
    terms = read_words(text, ["env"])

    assert read_words(write_words(terms), ["env"]) == terms


def test_a_click_puts_a_term_on_and_another_takes_it_off() -> None:
    terms = (Term("", "a"), Term("state", "burning"))

    assert toggled(toggled(terms, Term("owner", "x")), Term("owner", "x")) == terms
    assert toggled(terms, terms[1]) == terms[:1]


@pytest.mark.parametrize(
    ("term", "value", "fits"),
    [("Shop", "shop", True), ("sho", "shop", False), ("sho*", "Shop", True), ("*", "", True)],
)
def test_a_value_fits_whole_or_as_it_begins(term: str, value: str, fits: bool) -> None:
    assert Term("service", term).fits(value) is fits
