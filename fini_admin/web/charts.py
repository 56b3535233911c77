"""Charts as SVG without a script: the geometry that the templates `components/_…_chart.html` draw.

A chart's box is stretched to its place, so numbers here are in units of the box. Each value is told on hover by a
`<title>`, and once more in a table for screen readers.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# Of a box's width: what is there at all is seen, however small its part is; in a table's column it needs more of it.
WIDTH, LEAST, LEAST_IN_COLUMN = 1000.0, 5.0, 20.0
HEIGHT = 100.0
# Of a column's width: the bar, the rest is the gap to the next one.
BAR = 0.86


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a whole: its number, the same as told to people, and where its rows are listed."""

    name: str
    number: int
    text: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """A part with its place in the bar."""

    part: Part
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class PartsBar:
    """A whole as one bar: its parts in order, those that are nothing left out."""

    segments: list[Segment]
    width: float = WIDTH

    @property
    def parts(self) -> list[Part]:
        return [segment.part for segment in self.segments]


def parts_bar(parts: Iterable[Part], whole: int = 0, least: float = LEAST) -> PartsBar:
    """Lay out parts side by side. A small one is drawn `least` wide, at the cost of the others.

    They fill the bar, or of a larger `whole` their share of it.
    """
    there = [part for part in parts if part.number]
    total = max(whole, sum(part.number for part in there))
    widths = [max(part.number / total * WIDTH, least) for part in there]
    filled = sum(part.number for part in there) / total * WIDTH if there else 0.0
    shrink = filled / sum(widths) if widths else 1.0
    segments, x = [], 0.0
    for part, width in zip(there, widths, strict=True):
        segments.append(Segment(part, round(x, 2), round(width * shrink, 2)))
        x += width * shrink
    return PartsBar(segments)


@dataclass(frozen=True, slots=True)
class Strip:
    """What followed one another in time, each as wide as it lasted: `rows` tell each by its beginning, in words."""

    bar: PartsBar
    first: str
    last: str
    rows: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Column:
    """One bar of a chart over time: `bad` is the part of `number` that went wrong; `said` tells both."""

    label: str
    number: int
    said: str
    bad: int = 0
    url: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """A column with its place: `top` and `height` of the whole, and of the part that went wrong."""

    column: Column
    x: float
    width: float
    top: float
    height: float
    bad_top: float
    bad_height: float
    slot: float


@dataclass(frozen=True, slots=True)
class ColumnChart:
    """Bars over time, the highest as high as the box; `first` and `last` label its ends."""

    bars: list[Bar]
    first: str
    last: str
    slot: float

    @property
    def peak(self) -> int:
        return max((bar.column.number for bar in self.bars), default=0)

    @property
    def rows(self) -> list[tuple[str, str]]:
        """Each bar that is there, by its label and in words."""
        return [(bar.column.label, bar.column.said) for bar in self.bars if bar.column.number]


def column_chart(columns: Sequence[Column], *, first: str, last: str) -> ColumnChart:
    peak = max((column.number for column in columns), default=0) or 1
    slot = WIDTH / len(columns)
    bars = []
    for place, column in enumerate(columns):
        height, bad = _high(column.number, peak), _high(column.bad, peak)
        x = round(place * slot + slot * (1 - BAR) / 2, 2)
        bars.append(
            Bar(
                column,
                x,
                round(slot * BAR, 2),
                round(HEIGHT - height, 2),
                height,
                round(HEIGHT - bad, 2),
                bad,
                round(place * slot, 2),
            )
        )
    return ColumnChart(bars, first, last, round(slot, 2))


def _high(number: int, peak: int) -> float:
    """The height of a bar; one that is not nothing is seen."""
    return round(max(number / peak * HEIGHT, 4.0), 2) if number else 0.0


@dataclass(frozen=True, slots=True)
class Moment:
    """A place on a line chart: a value for each line, None where there is none, and all of them in words."""

    label: str
    values: tuple[float | None, ...]
    said: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A line in pieces, for it has gaps; each piece as the points of an SVG polyline."""

    pieces: list[str]


@dataclass(frozen=True, slots=True)
class LineChart:
    """Lines over time with what hovering over each moment tells: its place, and the moment."""

    lines: list[Line]
    moments: list[tuple[float, Moment]]
    first: str
    last: str
    slot: float

    @property
    def rows(self) -> list[tuple[str, str]]:
        """Each moment that has a value, by its label and in words."""
        return [(moment.label, moment.said) for _, moment in self.moments if moment.said]


def line_chart(moments: Sequence[Moment], *, first: str, last: str) -> LineChart:
    """One line for each value of the moments; the highest value reaches the top."""
    slot = WIDTH / len(moments)
    peak = max((value for moment in moments for value in moment.values if value is not None), default=0) or 1
    lines = [
        Line(_pieces([moment.values[number] for moment in moments], slot, peak))
        for number in range(len(moments[0].values))
    ]
    places = [(round(place * slot, 2), moment) for place, moment in enumerate(moments)]
    return LineChart(lines, places, first, last, round(slot, 2))


def _pieces(values: Sequence[float | None], slot: float, peak: float) -> list[str]:
    """The unbroken pieces of a line. A single value becomes a dash as wide as its slot."""
    pieces: list[list[tuple[float, float]]] = [[]]
    for place, value in enumerate(values):
        if value is None:
            pieces.append([])
            continue
        pieces[-1].append((place * slot + slot / 2, HEIGHT - value / peak * (HEIGHT - 4) - 2))
    return [" ".join(f"{x:.2f},{y:.2f}" for x, y in _widened(piece, slot)) for piece in pieces if piece]


def _widened(piece: list[tuple[float, float]], slot: float) -> list[tuple[float, float]]:
    if len(piece) > 1:
        return piece
    [(x, y)] = piece
    return [(x - slot / 2, y), (x + slot / 2, y)]
