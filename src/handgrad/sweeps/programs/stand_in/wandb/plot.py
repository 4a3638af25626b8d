"""wandb.plot: each chart as a table of what it shows."""

from wandb.media import Table


def _chart(chart, columns, rows, title=None):
    table = Table(columns=columns, data=rows)
    table.chart, table.title = chart, title
    return table


def confusion_matrix(probs=None, y_true=None, preds=None, class_names=None, title=None, split_table=False):
    """Counts by true and predicted class."""
    if (probs is None) == (preds is None):
        raise ValueError("give probs or preds, one of them")
    if preds is None:
        preds = [max(range(len(row)), key=row.__getitem__) for row in probs]
    pairs = [(int(true), int(predicted)) for true, predicted in zip(y_true, preds)]
    size = 1 + max((max(pair) for pair in pairs), default=-1)
    names = list(class_names) if class_names is not None else [f"Class_{k}" for k in range(size)]
    places = range(max(size, len(names)))
    names += [f"Class_{k}" for k in places[len(names) :]]
    counts = dict.fromkeys(((i, j) for i in places for j in places), 0)
    for pair in pairs:
        counts[pair] += 1
    rows = [[names[i], names[j], count] for (i, j), count in counts.items()]
    return _chart("confusion_matrix", ["Actual", "Predicted", "nPredictions"], rows, title)


def _curve(chart, y_true, y_probas, labels, title, columns, points):
    rows = []
    for k in range(len(y_probas[0]) if len(y_probas) else 0):
        ranked = sorted(zip((row[k] for row in y_probas), (int(true) == k for true in y_true)), key=lambda p: -p[0])
        name = labels[k] if labels is not None else k
        rows += [[name, *point] for point in points([hit for _, hit in ranked])]
    return _chart(chart, ["class", *columns], rows, title)


def roc_curve(y_true=None, y_probas=None, labels=None, classes_to_plot=None, title="ROC", split_table=False):
    """Each class against the rest."""

    def points(hits):
        positives, negatives, right, wrong = sum(hits) or 1, len(hits) - sum(hits) or 1, 0, 0
        for hit in (None, *hits):
            right, wrong = right + bool(hit), wrong + (hit is False)
            yield wrong / negatives, right / positives

    return _curve("roc_curve", y_true, y_probas, labels, title, ["fpr", "tpr"], points)


def pr_curve(y_true=None, y_probas=None, labels=None, classes_to_plot=None, title="Precision-Recall", **more):
    """Each class against the rest."""

    def points(hits):
        positives, right = sum(hits) or 1, 0
        for count, hit in enumerate(hits, 1):
            right += hit
            yield right / positives, right / count

    return _curve("pr_curve", y_true, y_probas, labels, title, ["recall", "precision"], points)


def line_series(xs, ys, keys=None, title="", xname="x", split_table=False):
    """Several lines."""
    lines = zip(xs if len(xs) and hasattr(xs[0], "__len__") else [xs] * len(ys), ys)
    rows = [
        [x, keys[n] if keys else f"key_{n}", y] for n, (line, values) in enumerate(lines) for x, y in zip(line, values)
    ]
    return _chart("line_series", [xname, "key", "y"], rows, title)


def _of_table(chart):
    def drawn(table, *columns, title=None, **more):
        table.chart, table.title = chart, title
        return table

    return drawn


line, scatter, bar, histogram = map(_of_table, ("line", "scatter", "bar", "histogram"))


def plot_table(vega_spec_name, data_table, *_, **more):
    """A chart of a table."""
    return _of_table(vega_spec_name)(data_table)
