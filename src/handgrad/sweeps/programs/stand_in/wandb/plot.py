"""wandb.plot: each chart as a table of what it shows; of a curve, what it is computed from."""

from wandb.media import Table


def confusion_matrix(probs=None, y_true=None, preds=None, class_names=None, title=None, split_table=False):
    """Counts by true and predicted class."""
    if (probs is None) == (preds is None):
        raise ValueError("give probs or preds, one of them")
    if preds is None:
        preds = [max(range(len(row)), key=row.__getitem__) for row in probs]
    pairs = [(int(true), int(predicted)) for true, predicted in zip(y_true, preds)]
    names = list(class_names) if class_names is not None else []
    names += [f"Class_{k}" for k in range(len(names), 1 + max((max(pair) for pair in pairs), default=-1))]
    counts = {(i, j): 0 for i in range(len(names)) for j in range(len(names))}
    for pair in pairs:
        counts[pair] += 1
    rows = [[names[i], names[j], count] for (i, j), count in counts.items()]
    return Table(["Actual", "Predicted", "nPredictions"], rows, chart="confusion_matrix", title=title)


def _of_probabilities(chart):
    def drawn(y_true=None, y_probas=None, labels=None, classes_to_plot=None, title=None, split_table=False):
        rows = [[int(true), *map(float, row)] for true, row in zip(y_true, y_probas)]
        names = labels if labels is not None else [f"Class_{k}" for k in range(len(rows[0]) - 1 if rows else 0)]
        return Table(["true class", *names], rows, chart=chart, title=title)

    return drawn


roc_curve, pr_curve = map(_of_probabilities, ("roc_curve", "pr_curve"))


def line_series(xs, ys, keys=None, title="", xname="x", split_table=False):
    """Several lines."""
    lines = zip(xs if len(xs) and hasattr(xs[0], "__len__") else [xs] * len(ys), ys)
    named = ((keys[n] if keys else f"key_{n}", *line) for n, line in enumerate(lines))
    rows = [[x, name, y] for name, line, values in named for x, y in zip(line, values)]
    return Table([xname, "key", "y"], rows, chart="line_series", title=title)


def _of_table(chart):
    def drawn(table, *columns, title=None, **more):
        table.chart, table.title = chart, title
        return table

    return drawn


line, scatter, bar, histogram = map(_of_table, ("line", "scatter", "bar", "histogram"))


def plot_table(vega_spec_name, data_table, *_, **more):
    """A chart of a table."""
    return _of_table(vega_spec_name)(data_table)
