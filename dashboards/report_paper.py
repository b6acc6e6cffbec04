"""Paper to write a report on: headings, sentences and tables, in any script, page after page."""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from fontTools.ttLib import TTFont
from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.fonts import TTFFont

Colour = tuple[int, int, int]
INK, SOFT, EDGE = (27, 31, 36), (85, 94, 106), (208, 214, 221)
ACCENT, NIGHT_FILL = (0, 114, 178), (213, 94, 0)
GOOD, BAD = (38, 110, 79), (168, 62, 0)
_HEAD_FILL = (241, 244, 247)
_FONTS = Path(__file__).parent / "fonts"
_REGULAR, _BOLD = _FONTS / "DejaVuSansCondensed.ttf", _FONTS / "DejaVuSansCondensed-Bold.ttf"
_FAMILY = "report"
_MARGIN, _PAD, _SIDE = 15.0, 1.2, 1.8  # mm: of a page, above and beside what a cell says
_MM_A_POINT = 25.4 / 72
_LEADING = 1.35
_CELL_SIZE = 8.0
_MOST_LINES = 3  # of a cell
_MOST_TEXT = 4_000  # characters of a paragraph, _MOST_CELL of a cell
_MOST_CELL = 400
_NONE = "\N{WHITE SQUARE}"


@dataclass(frozen=True, slots=True)
class Column:
    """Its name, its share of the width, and whether it holds numbers."""

    name: str
    share: float
    right: bool = False


class Paper(FPDF):
    """A4, numbered pages. Raises TimeoutError once `go_on` says no."""

    def __init__(
        self, *, title: str, made_at: datetime, root: str, wide: bool, go_on: Callable[[], bool]
    ) -> None:
        super().__init__("landscape" if wide else "portrait", "mm", "A4")
        self._root = root.rstrip("/")
        self._go_on = go_on
        self._title = drawable(title)
        self._widths: dict[tuple[str, bool, float], float] = {}
        self.add_font(_FAMILY, "", _REGULAR)
        self.add_font(_FAMILY, "B", _BOLD)
        self.set_title(self._title)
        self.set_creator("Nines")
        self.set_lang("en")
        self.set_creation_date(made_at)
        self.set_margin(_MARGIN)
        self.set_auto_page_break(auto=True, margin=_MARGIN + 3)
        self._made = f"Made by Nines at {made_at:%Y-%m-%d %H:%M} UTC"
        self.add_page()

    def footer(self) -> None:
        """What every page ends with; called by fpdf2."""
        self.set_y(-_MARGIN + 1)
        self._pen(7.5, SOFT)
        half = self.epw / 2
        self._line(self._fitting(f"{self._title}. {self._made}", half * 1.6), half * 1.6, "L")
        self._line(f"Page {self.page_no()} of {{nb}}", half * 0.4, "R")

    def file(self) -> bytes:
        """All of it."""
        return bytes(self.output())

    def put_away(self) -> None:
        """Close the files of the fonts, which fpdf2 leaves open."""
        for font in self.fonts.values():
            if isinstance(font, TTFFont):
                font.ttfont.close()

    # --- what a report is made of ---------------------------------------------------------------

    def gap(self, high: float) -> None:
        """Leave so many mm empty."""
        self.y += high

    def head(self, words: str, room: float = 36.0) -> None:
        """Begin a section, on a page that has room for more of it than its name."""
        self.gap(5)
        self._have(room)
        self.start_section(words)
        self.say(words, size=13, bold=True)
        self.gap(1)

    def say(self, words: str, *, size: float, bold: bool = False, colour: Colour = INK) -> None:
        """A paragraph over the whole width."""
        self._pen(size, colour, bold=bold)
        high = size * _MM_A_POINT * _LEADING
        for line in self._wrapped(drawable(words, _MOST_TEXT), self.epw, most=200):
            self._have(high)
            self.x = self.l_margin
            self._line(line, self.epw, "L", high)
            self.y += high
        self.x = self.l_margin

    def tile(
        self, left: float, top: float, wide: float, high: float, words: Sequence[str], tone: Colour
    ) -> None:
        """A figure in a frame: its name, its value, and how it was before."""
        self.set_draw_color(*EDGE)
        self.rect(left, top, wide, high, round_corners=True, corner_radius=1.5)
        name, value, note = map(drawable, words)
        inner = wide - 6
        for text, y, size, colour, bold in (
            (name, 2, 8, SOFT, False),
            (value, 6, 15, INK, True),
            (note, 13, 8, tone, tone is not SOFT),
        ):
            self.set_xy(left + 3, top + y)
            self._pen(size, colour, bold=bold)
            self._line(self._fitting(text, inner), inner, "L", size * _MM_A_POINT * 1.2)

    def block(self, left: float, top: float, wide: float, high: float, colour: Colour) -> None:
        """A filled rectangle."""
        self.set_fill_color(*colour)
        self.rect(left, top, wide, high, style="F")

    def label(self, left: float, top: float, wide: float, words: str, colour: Colour) -> None:
        """A small word in the middle of a width."""
        self.set_xy(left, top)
        self._pen(7, colour)
        self._line(words, wide, "C", 3)

    def grid(
        self,
        columns: Sequence[Column],
        rows: Sequence[Sequence[str]],
        *,
        urls: Sequence[str] = (),
        loud: str = "",
    ) -> None:
        """A table whose head is on each of its pages. Links are in the first column; a cell that
        says `loud` is so.
        """
        whole = sum(one.share for one in columns)
        widths = [one.share * self.epw / whole for one in columns]
        self._table_head(columns, widths)
        high = _CELL_SIZE * _MM_A_POINT * _LEADING
        for number, row in enumerate(rows):
            if not self._go_on():
                raise TimeoutError("the report took too long to draw")
            self._pen(_CELL_SIZE, INK)
            cells = [
                self._wrapped(drawable(text, _MOST_CELL), wide - 2 * _SIDE, _MOST_LINES)
                for text, wide in zip(row, widths, strict=True)
            ]
            tall = max(map(len, cells)) * high + 2 * _PAD
            if self._have(tall):
                self._table_head(columns, widths)
            top, left = self.y, self.l_margin
            for at, (lines, column, wide) in enumerate(zip(cells, columns, widths, strict=True)):
                link = self._root + urls[number] if urls and not at else ""
                said = bool(loud) and lines == [loud]
                self._pen(_CELL_SIZE, BAD if said else ACCENT if link else INK, bold=said)
                for place, line in enumerate(lines):
                    self.set_xy(left + _SIDE, top + _PAD + place * high)
                    align = "R" if column.right else "L"
                    self._line(line, wide - 2 * _SIDE, align, high, link)
                left += wide
            self.y = top + tall
            self._rule()
        self.x = self.l_margin

    # --- how -------------------------------------------------------------------------------------

    def _table_head(self, columns: Sequence[Column], widths: Sequence[float]) -> None:
        high = _CELL_SIZE * _MM_A_POINT * _LEADING + 2 * _PAD
        self._have(3 * high)
        top, left = self.y, self.l_margin
        self.block(left, top, self.epw, high, _HEAD_FILL)
        self._pen(_CELL_SIZE, SOFT, bold=True)
        for column, wide in zip(columns, widths, strict=True):
            self.set_xy(left + _SIDE, top + _PAD)
            name = self._fitting(column.name, wide - 2 * _SIDE)
            self._line(name, wide - 2 * _SIDE, "R" if column.right else "L", high - 2 * _PAD)
            left += wide
        self.y = top + high
        self._rule()

    def _rule(self) -> None:
        self.set_draw_color(*EDGE)
        self.set_line_width(0.2)
        self.line(self.l_margin, self.y, self.l_margin + self.epw, self.y)

    def _have(self, high: float) -> bool:
        """Turn the page where it has no such room left; whether it was turned."""
        if self.y + high <= self.page_break_trigger:
            return False
        self.add_page()
        return True

    def _pen(self, size: float, colour: Colour, *, bold: bool = False) -> None:
        self.set_font(_FAMILY, "B" if bold else "", size)
        self.set_text_color(*colour)

    def _line(self, words: str, wide: float, align: str, high: float = 4.0, link: str = "") -> None:
        # Shaping takes ten times as long, and only some scripts are wrong without.
        self.set_text_shaping(_needs_shaping(words))
        self.c_margin = 0.0
        self.cell(wide, high, words, align=align, link=link, new_x=XPos.RIGHT, new_y=YPos.TOP)

    def _wide(self, words: str) -> float:
        key = (words, bool(self.font_style), self.font_size_pt)
        known = self._widths.get(key)
        if known is None:
            self.set_text_shaping(False)
            known = self._widths[key] = self.get_string_width(words)
        return known

    def _fitting(self, words: str, wide: float) -> str:
        """As much of one line as fits; what is cut ends in `…`."""
        if self._wide(words) <= wide:
            return words
        low, high = 0, len(words)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (
                (middle, high) if self._wide(f"{words[:middle]}…") <= wide else (low, middle - 1)
            )
        return f"{words[:low].rstrip()}…"

    def _wrapped(self, words: str, wide: float, most: int) -> list[str]:
        """Lines that fit, at most so many."""
        lines: list[str] = []
        left = words.split(" ")
        space = self._wide(" ")
        while left and len(lines) < most:
            line, used = [left[0]], self._wide(left[0])
            if used > wide:  # one word that is longer than a line
                cut = self._longest(left[0], wide)
                line, left[0] = [left[0][:cut]], left[0][cut:]
            else:
                left.pop(0)
                while left and used + space + self._wide(left[0]) <= wide:
                    used += space + self._wide(left[0])
                    line.append(left.pop(0))
            lines.append(" ".join(line))
        if left and lines:
            lines[-1] = self._fitting(f"{lines[-1]}…", wide)
        return lines or [""]

    def _longest(self, word: str, wide: float) -> int:
        """How many of its characters fit; one at least, and after a `/` or `-` if there is one."""
        used, cut = 0.0, 0
        for char in word:
            used += self._wide(char)
            if used > wide:
                break
            cut += 1
        joint = max(word.rfind(mark, 0, cut) for mark in "/-._") + 1
        return joint if joint > cut // 2 else max(cut, 1)


@lru_cache(maxsize=1)
def _covered() -> frozenset[int]:
    """What both fonts have."""
    found: list[frozenset[int]] = []
    for path in (_REGULAR, _BOLD):
        with TTFont(path, lazy=True) as font:
            found.append(frozenset(font.getBestCmap()))
    return found[0] & found[1]


def drawable(words: str, most: int = _MOST_CELL) -> str:
    """The words as the fonts can draw them, on one line: a □ for each character that they lack.

    What is not seen (joiners, marks of direction, controls) is left out.
    """
    covered, drawn = _covered(), []
    for char in unicodedata.normalize("NFC", words[:most]):
        kind = unicodedata.category(char)
        if char.isspace():
            drawn.append("\N{NO-BREAK SPACE}" if char == "\N{NO-BREAK SPACE}" else " ")
        elif kind in ("Cc", "Cf") or _is_selector(char):
            continue
        elif ord(char) in covered:
            drawn.append(char)
        elif kind[0] != "M":  # a mark that cannot be drawn leaves its letter
            drawn.append(_NONE)
    return "".join(drawn) + ("…" if len(words) > most else "")


def _is_selector(char: str) -> bool:
    return "\N{VARIATION SELECTOR-1}" <= char <= "\N{VARIATION SELECTOR-16}"


def _needs_shaping(words: str) -> bool:
    """Whether a letter in it goes from right to left, or is joined to its neighbours."""
    return not words.isascii() and any(
        unicodedata.bidirectional(char) in ("R", "AL", "AN") for char in words
    )
