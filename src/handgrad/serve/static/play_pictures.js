// The pictures of the Play page: curves, weights of units, outputs of units, digits. All are drawn from a training.
import { colour, dark, h, short } from "./common.js";

const GAP = 2, TILE = 10; // pixels of a unit's picture: its weights with an edge around them

/** A colour of the style sheet as numbers, [red, green, blue]. */
function ink(name) {
  const probe = h("i");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).map(Number);
  probe.remove();
  return found;
}

let inks = null;
const palette = () => (inks ??= { ground: ink("--ground"), positive: ink("--positive"), negative: ink("--negative"), edge: ink("--line"), accent: ink("--accent"), bad: ink("--bad"), quiet: ink("--quiet") });
dark.addEventListener("change", () => { inks = null; });

/** Between the ground and a colour, by the sign of a number in [-1, 1]. */
function shade(value, { ground, positive, negative }) {
  const end = value < 0 ? negative : positive, share = Math.min(1, Math.abs(value));
  return ground.map((one, place) => one + share * (end[place] - one));
}

const between = (one, other, share) => one.map((each, place) => each + share * (other[place] - each));

function sized(canvas, width, height) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  return { context, image: context.createImageData(width, height) };
}

function put({ data, width }, x, y, [red, green, blue]) {
  const place = 4 * (y * width + x);
  data[place] = red;
  data[place + 1] = green;
  data[place + 2] = blue;
  data[place + 3] = 255;
}

/** An image, light on dark as it enters the network. */
export function drawDigit(canvas, pixels, [rows, columns]) {
  const { context, image } = sized(canvas, columns, rows);
  for (let i = 0; i < rows * columns; i++) put(image, i % columns, Math.floor(i / columns), [0, 0, 0].fill(255 * pixels[i]));
  context.putImageData(image, 0, 0);
}

/**
 * A picture of each unit's incoming weights, positive in one colour, negative in the other, full from twice their root
 * mean square on; its edge is lit by the unit's output for the digit chosen; a dead unit is crossed out.
 */
export function drawWeights(canvas, { weight, inputs, units }, [rows, columns], outputs, dead, across) {
  const step = TILE + GAP, down = Math.ceil(units / across), colours = palette();
  const { context, image } = sized(canvas, across * step - GAP, down * step - GAP);
  const full = 2 * Math.sqrt(weight.reduce((sum, each) => sum + each * each, 1e-24) / weight.length);
  const strongest = outputs.reduce((top, each) => Math.max(top, Math.abs(each)), 1e-12);
  for (let unit = 0; unit < units; unit++) {
    const left = (unit % across) * step, top = Math.floor(unit / across) * step;
    const edge = between(colours.edge, colours.accent, Math.min(1, Math.abs(outputs[unit]) / strongest));
    for (let i = 0; i < TILE; i++) for (const [x, y] of [[i, 0], [i, TILE - 1], [0, i], [TILE - 1, i]]) put(image, left + x, top + y, dead?.[unit] ? colours.bad : edge);
    for (let i = 0; i < inputs; i++) put(image, left + 1 + (i % columns), top + 1 + Math.floor(i / columns), shade(weight[i * units + unit] / full, colours));
    if (dead?.[unit]) for (let i = 1; i < TILE - 1; i++) { put(image, left + i, top + i, colours.bad); put(image, left + TILE - 1 - i, top + i, colours.bad); }
  }
  context.putImageData(image, 0, 0);
}

/** A square for each unit of a deeper layer, coloured by its output for the digit chosen; dead ones are crossed out. */
export function drawOutputs(canvas, outputs, dead, across) {
  const side = 5, step = side + 1, down = Math.ceil(outputs.length / across), colours = palette();
  const { context, image } = sized(canvas, across * step - 1, down * step - 1);
  const strongest = outputs.reduce((top, each) => Math.max(top, Math.abs(each)), 1e-12);
  outputs.forEach((output, unit) => {
    const left = (unit % across) * step, top = Math.floor(unit / across) * step;
    for (let x = 0; x < side; x++) for (let y = 0; y < side; y++) {
      const rim = x === 0 || y === 0 || x === side - 1 || y === side - 1, crossed = dead[unit] && (x === y || x + y === side - 1);
      put(image, left + x, top + y, crossed ? colours.bad : rim ? colours.edge : shade(output / strongest, colours));
    }
  });
  context.putImageData(image, 0, 0);
}

// Curves ------------------------------------------------------------------------------------------------------------

const css = ([red, green, blue]) => `rgb(${red} ${green} ${blue})`;

/** A chart of some columns by step; the training before stands behind it in grey. */
export class Chart {
  constructor(name, { unit = 1, log = false, end = null } = {}) {
    this.box = h("div", { class: "plot", role: "img" });
    this.output = h("output", { class: "key" });
    this.figure = h("figure", { class: "chart" }, h("figcaption", {}, h("span", {}, name), this.output), this.box);
    Object.assign(this, { name, unit, log, end });
    new ResizeObserver(() => this.plot?.setSize({ width: this.box.clientWidth, height: this.box.clientHeight })).observe(this.box);
  }

  /** `lines`: [column, label, place of the colour, dashed]. */
  draw(curves, lines, before) {
    const tables = [], series = [];
    const add = (from, column, style) => {
      const values = from.column(column).map((value) => (value === null || !Number.isFinite(value) || (this.log && value <= 0) ? null : value * this.unit));
      tables.push([from.steps, values]);
      series.push({ spanGaps: true, points: { show: false }, ...style });
    };
    if (before) for (const [column, label, , dashed] of lines) if (before.columns.includes(column)) add(before, column, { label: `before: ${label}`, stroke: `${css(palette().quiet).replace(")", " / 55%)")}`, width: 1.2, dash: dashed && [4, 4] });
    for (const [column, label, place, dashed] of lines) add(curves, column, { label, stroke: colour(place), width: 1.8, dash: dashed && [5, 4] });
    const data = uPlot.join(tables), form = JSON.stringify([series, dark.matches]);
    this.box.setAttribute("aria-label", `${this.name} by step: ${lines.map(([column, label]) => `${label} ${spoken(curves.column(column), this.unit)}`).join("; ")}`);
    this.steps = Math.max(10, curves.steps.at(-1)); // the training before is seen as far as this one has come
    if (this.plot && this.form === form) this.plot.setData(data);
    else this.make(series, data, form);
    this.lines = lines;
    this.legend();
  }

  /** What the pointer is at, or else which line is which. */
  legend() {
    const text = this.plot ? nearest(this.plot) : "", form = text || this.form;
    if (this.shown === form) return;
    this.shown = form;
    this.output.replaceChildren(...(text ? [text] : this.lines.map(([, label, place, dashed]) => {
      const name = h("span", { class: dashed ? "dashed" : "" }, label);
      name.style.setProperty("--colour", colour(place));
      return name;
    })));
  }

  make(series, data, form) {
    this.plot?.destroy();
    this.form = form;
    const line = { stroke: css(palette().edge), width: 1 }, font = `12px ${getComputedStyle(document.body).fontFamily}`;
    const axis = { stroke: css(palette().quiet), grid: line, ticks: line, font, values: (u, values) => values.map((value) => (value === null ? "" : short(value))) };
    const range = this.end === null ? undefined : [0, this.end];
    this.plot = new uPlot({
      width: this.box.clientWidth || 300, height: this.box.clientHeight || 200, legend: { show: false },
      scales: { x: { time: false, range: () => [0, this.steps] }, y: { distr: this.log ? 3 : 1, range } },
      series: [{}, ...series], axes: [{ ...axis, size: 28 }, { ...axis, size: 52 }],
      cursor: { points: { size: 6 }, drag: { x: false, y: false } },
      hooks: { setCursor: [() => this.lines && this.legend()] },
    }, data, this.box);
  }
}

function spoken(values, unit) {
  const found = values.filter((value) => value !== null);
  return found.length ? `from ${short(found[0] * unit)} to ${short(found[found.length - 1] * unit)}` : "not measured yet";
}

function nearest(u) {
  const { idx, top } = u.cursor;
  let best = null;
  if (idx !== null && idx !== undefined) u.series.forEach((series, place) => {
    const value = place ? u.data[place][idx] : null;
    if (value === null || value === undefined) return;
    const away = Math.abs(u.valToPos(value, "y") - top);
    if (!best || away < best.away) best = { away, text: `${series.label} ${short(value)} at step ${u.data[0][idx]}` };
  });
  return best?.text ?? "";
}
