// Curves of several runs: smoothed, on linear or logarithmic axes, a line each or the mean of seeds with their range.
import { dark, h, short } from "./common.js";

export const CHARTS = [
  { name: "loss", lines: [["train_loss", "training"], ["validation_loss", "validation"]] },
  { name: "accuracy %", lines: [["train_accuracy", "training"], ["validation_accuracy", "validation"]], unit: 100 },
  { name: "learning rate", lines: [["learning_rate", ""]] },
  { name: "gradient norm", lines: [["norms", ""]], empty: "measured every log_every steps" },
];
const LABELS = { epoch: "epoch", step: "step", time: "seconds" };

/** Where a sorted list reaches a value, and its other list's value there; null outside. */
function at(xs, ys, x) {
  if (!xs.length || x < xs[0] || x > xs[xs.length - 1]) return null;
  let low = 0, high = xs.length - 1;
  while (high - low > 1) { const middle = (low + high) >> 1; if (xs[middle] <= x) low = middle; else high = middle; }
  if (xs[high] === xs[low]) return ys[low];
  if (ys[low] === null || ys[high] === null) return x === xs[low] ? ys[low] : ys[high];
  return ys[low] + ((ys[high] - ys[low]) * (x - xs[low])) / (xs[high] - xs[low]);
}

/** Steps as epochs or seconds, by the ends of epochs. */
function stepsAs(curves, axis, steps) {
  const { step = [], epoch = [], seconds = [] } = curves.epochs;
  const ends = axis === "epoch" ? epoch : seconds;
  if (!step.length) return steps.map(() => null);
  return steps.map((each) => at([0, ...step], [0, ...ends], each) ?? (ends[ends.length - 1] * each) / step[step.length - 1]);
}

function points(curves, column, axis, unit = 1) {
  let xs, ys;
  if (column === "norms") {
    xs = axis === "step" ? curves.norms[0] : stepsAs(curves, axis, curves.norms[0]);
    ys = curves.norms[1];
  } else if (column === "train_loss" && (axis === "step" || !curves.epochs.epoch)) {
    const middles = curves.losses.map((_, place) => (place + 0.5) * curves.each);
    if (axis !== "step") return [[], []];
    [xs, ys] = [middles, curves.losses];
  } else {
    xs = curves.epochs[{ epoch: "epoch", step: "step", time: "seconds" }[axis]] ?? [];
    ys = curves.epochs[column] ?? xs.map(() => null);
  }
  return [xs, unit === 1 ? ys : ys.map((y) => y === null ? null : y * unit)];
}

/** Exponential means, without the pull towards zero at the beginning. */
export function smoothed(ys, weight) {
  if (!weight) return ys;
  let mean = 0, total = 0;
  return ys.map((y) => {
    if (y === null) return null;
    mean = weight * mean + (1 - weight) * y;
    total = weight * total + (1 - weight);
    return mean / total;
  });
}

/** Mean, least and greatest of several curves, at the places of the longest, where all have a value. */
export function range(curves) {
  const [xs] = curves.reduce((one, other) => (other[0].length > one[0].length ? other : one));
  const each = xs.map((x) => curves.map(([a, b]) => at(a, b, x)).filter((y) => y !== null));
  const whole = each.map((ys) => (ys.length === curves.length ? ys : null));
  return [xs, whole.map((ys) => ys && ys.reduce((a, b) => a + b) / ys.length), whole.map((ys) => ys && Math.min(...ys)), whole.map((ys) => ys && Math.max(...ys))];
}

/** Without what a logarithmic axis has no place for. */
function logarithmic([xs, ys], { logx, logy }) {
  const kept = logx ? xs.map((x, place) => place).filter((place) => xs[place] > 0) : null;
  const positive = logy ? ys.map((y) => (y > 0 ? y : null)) : ys;
  return kept ? [kept.map((place) => xs[place]), kept.map((place) => positive[place])] : [xs, positive];
}

/** Series of one chart: `groups` are {name, colour, curves: [...]}, one of one run or of its seeds. */
function seriesOf(chart, groups, options) {
  const series = [], tables = [], bands = [];
  for (const group of groups) {
    chart.lines.forEach(([column, part], place) => {
      const lines = group.curves.map((each) => points(each, column, options.x, chart.unit)).map(([xs, ys]) => logarithmic([xs, smoothed(ys, options.smooth)], options)).filter(([xs, ys]) => xs.length && ys.some((y) => y !== null));
      if (!lines.length) return;
      const label = part ? `${group.name}, ${part}` : group.name;
      const style = { label, stroke: group.colour, width: 1.6, dash: place ? [5, 4] : undefined, spanGaps: true };
      if (lines.length === 1) {
        tables.push(lines[0]);
        series.push({ ...style, points: { show: lines[0][0].length < 2 } });
      } else {
        const found = range(lines);
        tables.push(found);
        const edge = { label: "", stroke: "transparent", width: 0, points: { show: false }, spanGaps: true, edge: true };
        series.push({ ...style, points: { show: false } }, edge, edge);
        bands.push({ series: [series.length, series.length - 1], fill: `${group.colour}2e` });
      }
    });
  }
  return { series, bands, data: tables.length ? uPlot.join(tables) : [[]] };
}

/** The charts of one place on the page, drawn anew when data or options change. */
export class Charts {
  constructor(place) {
    this.plots = CHARTS.map((chart) => {
      const box = h("div", { class: "plot", role: "img" }), output = h("output");
      place.append(h("figure", { class: "chart" }, h("figcaption", {}, h("span", {}, chart.name), output), box));
      return { chart, box, output, plot: null };
    });
    new ResizeObserver(() => this.plots.forEach(({ plot, box }) => plot?.setSize({ width: box.clientWidth, height: box.clientHeight }))).observe(place);
    dark.addEventListener("change", () => this.last && this.draw(...this.last));
  }

  draw(groups, options) {
    this.last = [groups, options];
    for (const each of this.plots) {
      const { series, bands, data } = seriesOf(each.chart, groups, options);
      const form = JSON.stringify([series, options, dark.matches]);
      if (each.form === form && equal(each.data, data)) continue; // most messages bring steps, and not every chart has them
      each.data = data;
      each.output.textContent = series.length || !groups.length ? "" : each.chart.empty ?? "nothing yet";
      each.box.setAttribute("aria-label", spoken(each.chart, series, data, options));
      if (each.plot && each.form === form) { each.plot.setData(data); continue; }
      each.plot?.destroy();
      each.form = form;
      each.plot = new uPlot(settings(each, series, bands, options), data, each.box);
    }
  }
}

/** Whether two lists of columns hold the same numbers. */
function equal(one, other) {
  return one?.length === other.length && one.every((column, place) => column.length === other[place].length && column.every((value, row) => value === other[place][row]));
}

function spoken(chart, series, data, options) {
  const ends = series.map((each, place) => [each, (data[place + 1] ?? []).filter((y) => y !== null && y !== undefined)]).filter(([each, ys]) => !each.edge && ys.length);
  const parts = ends.map(([each, ys]) => `${each.label}: from ${short(ys[0])} to ${short(ys[ys.length - 1])}`);
  return `${chart.name} by ${LABELS[options.x]}. ${parts.join("; ") || "nothing yet"}`;
}

function settings(each, series, bands, options) {
  const style = getComputedStyle(document.body);
  const [ink, line] = ["--quiet", "--line"].map((name) => { const probe = h("i"); probe.style.color = `var(${name})`; document.body.append(probe); const found = getComputedStyle(probe).color; probe.remove(); return found; });
  const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: `12px ${style.fontFamily}` };
  const ticks = (u, values) => values.map((value) => (value === null ? "" : short(value)));
  return {
    width: each.box.clientWidth || 300, height: each.box.clientHeight || 215,
    scales: { x: { time: false, distr: options.logx ? 3 : 1 }, y: { distr: options.logy ? 3 : 1 } },
    series: [{}, ...series], bands, legend: { show: false },
    axes: [{ ...axis, size: 30, values: ticks }, { ...axis, size: 58, values: ticks }],
    cursor: { points: { size: 6 }, drag: { x: true, y: false } },
    hooks: { setCursor: [(u) => { each.output.textContent = nearest(u, options); }] },
  };
}

function nearest(u, options) {
  const { idx, top } = u.cursor;
  if (idx === null || idx === undefined) return "";
  let best = null;
  u.series.forEach((series, place) => {
    const value = place && !series.edge ? u.data[place][idx] : null;
    if (value === null || value === undefined) return;
    const away = Math.abs(u.valToPos(value, "y") - top);
    if (!best || away < best.away) best = { away, text: `${short(value)} at ${LABELS[options.x]} ${short(u.data[0][idx])}: ${series.label}` };
  });
  return best?.text ?? "";
}
