"""The numbers behind the figures of a search, worked by hand."""

import numpy as np
import pytest

from handgrad.evaluation import Interval
from handgrad.figures import Drawn
from handgrad.figures.gallery import to_svg
from handgrad.figures.style import house_style
from handgrad.reports.forest import Forest, ForestRow, plot_forest
from handgrad.reports.parallel import Parallel, heights, plot_parallel, rows_to_draw, shade_limits
from handgrad.reports.slices import plot_slices
from handgrad.reports.sweep_data import Column, Measure, Scale, Searched
from handgrad.reports.timeline import Timeline, plot_timeline, regression_band

ACCURACY = Measure("validation accuracy", 1, 100.0, "%", 2)


def searched(objectives, *columns, better=1):
    objectives = np.array(objectives, dtype=float)
    measure = ACCURACY._replace(better=better)
    return Searched(measure, np.arange(len(objectives)), objectives, np.zeros(len(objectives), bool), columns)


def test_lines_spread_around_a_listed_value_the_better_higher():
    """Of three values each has a third of the axis, of which lines take the middle 70 %: 0.7 / 3 from end to end.

    Two trials have the first value, whose middle is 1/6: a quarter of 0.7 / 3 below and above it.
    """
    column = Column(Scale("optimizer", ("sgd", "adam", "nag")), np.array([0, 1, 0, 2]))
    found = heights(column, np.array([5.0, 1.0, 9.0, 2.0]))
    assert found == pytest.approx([1 / 6 - 0.7 / 12, 0.5, 1 / 6 + 0.7 / 12, 5 / 6])


def test_numbers_have_their_place_between_the_ends():
    assert heights(Column(Scale("dropout", (), 0.0, 0.5), np.array([0.0, 0.1, 0.5])), np.zeros(3)).tolist() == [
        0,
        0.2,
        1,
    ]
    log = Column(Scale("rate", (), 1e-4, 1.0, True), np.array([1e-4, 1e-2, 1.0]))
    assert heights(log, np.zeros(3)) == pytest.approx([0, 0.5, 1])
    assert Scale("rate", (), 1e-4, 1.0, True).ticks() == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1])
    assert Scale("same", (), 2.0, 2.0).share(2.0) == 0.5


def test_the_first_of_equal_ones_is_drawn_on_top():
    assert searched([0.5, 0.9, 0.9, 0.1]).worst_first.tolist() == [3, 0, 2, 1]
    assert searched([0.5, 0.9, 0.1, 0.1], better=-1).worst_first.tolist() == [1, 0, 3, 2]


def test_of_too_many_the_best_half_and_an_even_choice_are_drawn():
    found = searched(range(100))
    assert rows_to_draw(found, 100).tolist() == list(range(100))
    assert rows_to_draw(found, 10).tolist() == [0, 24, 47, 70, 94, 95, 96, 97, 98, 99]


def test_hopeless_trials_do_not_use_up_the_colours():
    """Quartiles of 0, 90, 91, ..., 99 are 91.5 and 96.5 (of 11 values, the places 2.5 and 7.5): 91.5 - 1.5 * 5 = 84."""
    assert shade_limits(searched([0, *range(90, 100)])) == pytest.approx((84, 99))
    assert shade_limits(searched([9.9, *np.arange(0, 1, 0.1)], better=-1)) == pytest.approx((0, 1.5))
    assert shade_limits(searched([3, 3, 3])) == (3, 3)


def test_band_of_a_regression_by_hand():
    """Points (0, 0), (1, 1), (2, 1): slope 1/2, intercept 1/6, squared residuals 1/36 + 4/36 + 1/36 = 1/6, one degree
    of freedom, t = 12.7062. In the middle the half width is t sqrt(1/6) sqrt(1/3) = 2.9949, at the ends
    t sqrt(1/6) sqrt(1/3 + 1/2) = 4.7353.
    """
    x, mean, low, high = regression_band(np.array([0.0, 1, 2]), np.array([0.0, 1, 1]), 0.5, 1 / 6)
    assert (x[0], x[-1]) == (0, 2)
    assert (mean[0], mean[-1]) == pytest.approx((1 / 6, 7 / 6))
    assert (mean - low)[[0, -1]] == pytest.approx([4.7353, 4.7353], abs=1e-4)
    assert np.interp(1.0, x, high - mean) == pytest.approx(2.9949, abs=2e-3)


def test_no_band_where_the_times_tell_nothing():
    for seconds in ([0.0, 1.0], [5.0, 5.0, 5.0]):
        assert regression_band(np.array(seconds), np.zeros(len(seconds)), 0.0, 0.0).shape == (4, 0)


def timeline(slope, p, seconds=7200.0, failed=()):
    times = np.linspace(0, seconds, 5)
    values = np.array([50.0, 60, 55, 70, 65])
    best = np.maximum.accumulate(values)
    band = regression_band(times, values, slope.mean / 3600, 50.0)
    return Timeline(ACCURACY, np.arange(5), times, values, values == 55, np.array(failed), times, best, band, slope, p)


def test_caption_says_the_slope_in_the_unit_of_the_axis():
    told = timeline(Interval(8.0, 2.0, 14.0, 5), 0.02).caption
    assert "changes by +8 points an hour (95 % interval +2 to +14, p = 0.02), which chance does not explain" in told
    assert "best so far, 70.00 %" in told
    told = timeline(Interval(60.0, -60.0, 180.0, 5), 0.2, seconds=600.0).caption
    assert "changes by +1 points a minute (95 % interval -1 to +3, p = 0.2), not distinguishable from none" in told


def test_table_of_a_timeline_has_the_best_so_far():
    rows = list(timeline(Interval(8.0, 2.0, 14.0, 5), 0.02).table.rows)
    assert [(row[2], row[3], row[4]) for row in rows] == [
        *((50, 50, False), (60, 60, False), (55, 60, True), (70, 70, False), (65, 70, False))
    ]


def test_measures_are_written_with_their_unit():
    loss = Measure("validation loss", -1)
    assert ACCURACY.text(0.98765) == "98.77 %"
    assert loss.text(0.98765) == "0.9877"
    assert ACCURACY.text(float("nan")) == ACCURACY.bounds(float("nan"), 1.0) == "–"
    assert ACCURACY.bounds(-0.05, 1.05) == "0.00 to 100.00"
    assert loss.bounds(0.5, 1.05) == "0.5000 to 1.0500"


def drawings():
    """Each drawing, also of a single trial, of equal results, of long names and many axes."""
    listed = Column(Scale("hidden_size", ("128, 64, 32, 16, 8, 4", "64")), np.array([0.0, 1, 1, 0]))
    log = Column(Scale("learning_rate", (), 1e-4, 0.1, True), np.array([0.001, 0.01, 0.1, 0.0001]))
    several = searched([0.1, 0.9, 0.5, 0.5], *[listed, log] * 5)
    equal = searched([0.5] * 4, listed, log)
    single = Column(Scale("dropout", (), 0.0, 0.5), np.array([0.2]))
    one = searched([0.5], single)
    rows = tuple(ForestRow(f"group {n // 2}", "a value " * 9, n, n - 1.5, n + 1.5, n > 1, n) for n in range(5))
    for found in (several, equal, one):
        yield plot_parallel, Parallel(found, rows_to_draw(found, 300))
        yield plot_slices, found
    yield plot_forest, Forest("Title", "share (%)", rows, "caption")
    yield plot_forest, Forest("Title", "share (%)", (ForestRow("", "a", 1.0, *[float("nan")] * 2, None, 0),), "caption")
    yield plot_timeline, timeline(Interval(8.0, 2.0, 14.0, 5), 0.02, failed=(100.0, 8000.0))


@pytest.mark.parametrize(("draw", "numbers"), list(drawings()))
def test_everything_that_can_be_is_drawn(draw, numbers):
    with house_style():
        svg = to_svg(Drawn("name", draw(numbers), numbers.caption, numbers.table))
    assert svg.startswith("<svg ")
    assert len(list(numbers.table.csv().splitlines())) == 1 + len(list(numbers.table.rows))
