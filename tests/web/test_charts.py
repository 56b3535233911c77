"""What a chart draws adds up, and what is small is still seen."""

from fini_admin.web.charts import (
    HEIGHT,
    LEAST_IN_COLUMN,
    WIDTH,
    Column,
    Moment,
    Part,
    column_chart,
    line_chart,
    parts_bar,
)


def test_a_whole_is_as_wide_as_its_parts_and_leaves_out_what_is_nothing() -> None:
    bar = parts_bar([Part("usable", 99_990, "99,990"), Part("sent", 0, "0"), Part("failed", 10, "10")])
    assert [segment.part.name for segment in bar.segments] == ["usable", "failed"]
    assert bar.segments[1].width >= 4
    narrow = parts_bar([bar.parts[0], bar.parts[1]], least=LEAST_IN_COLUMN)
    assert narrow.segments[1].width >= 19  # 3 of its 160 px, of which 1 parts it from the others
    last = bar.segments[-1]
    assert abs(last.x + last.width - WIDTH) < 0.1
    assert parts_bar([Part("usable", 0, "0")]).segments == []


def test_parts_of_a_larger_whole_fill_their_share_of_it() -> None:
    bar = parts_bar([Part("done", 20, "20"), Part("failed", 5, "5")], whole=100)
    last = bar.segments[-1]
    assert abs(last.x + last.width - WIDTH / 4) < 0.1


def test_the_highest_bar_fills_the_box_and_one_of_many_is_seen() -> None:
    chart = column_chart(
        [Column("a", 0, "0"), Column("b", 1000, "1,000", bad=1), Column("c", 1, "1")], first="a", last="c"
    )
    none, high, low = chart.bars
    assert (none.height, none.bad_height) == (0, 0)
    assert (high.top, high.height) == (0, HEIGHT)
    assert high.bad_height == low.height == 4
    assert chart.peak == 1000


def test_a_line_breaks_where_nothing_is_known_and_a_single_value_is_a_dash() -> None:
    values = [(1.0,), (2.0,), (None,), (4.0,), (None,)]
    chart = line_chart([Moment(str(n), value, "") for n, value in enumerate(values)], first="0", last="4")
    [line] = chart.lines
    assert len(line.pieces) == 2
    assert [len(piece.split()) for piece in line.pieces] == [2, 2]
    assert line.pieces[1].split()[0].startswith("600.00,")


def test_nothing_at_all_draws_an_empty_chart() -> None:
    assert line_chart([Moment("a", (None, None), "")], first="a", last="a").lines[0].pieces == []
    assert column_chart([Column("a", 0, "0")], first="a", last="a").bars[0].height == 0
