// Parallel coordinates: a line a trial through the values of its parameters to its result, with a brush on each axis.
import { dark, h, short, written } from "./common.js";

const BAND = 0.7; // of the room of a listed value is what lines through it spread over, the better the higher
const ROOM = 112, ABOVE = 40, BELOW = 14, LEFT = 62, RIGHT = 46, GRIP = 40; // pixels
const MANY = 300; // lines, which are straight and paler
const STEP = 0.05; // of an axis of numbers: an arrow key
const SHADES = { light: [[206, 214, 224], [0, 70, 145]], dark: [[62, 74, 86], [150, 208, 255]] }; // the worst, the best
const FAILED = { light: "rgb(179 38 30 / 60%)", dark: "rgb(255 143 134 / 60%)" };
const SVG = "http://www.w3.org/2000/svg";

function s(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const isNumber = (value) => typeof value === "number" && isFinite(value);
const same = (one, other) => written(one) === written(other);

/** The scale of a parameter: listed values in the order of the sweep file, else numbers from the least to the greatest tried.
 *  `worse` says at which end ("low", "high") a few hopeless values are drawn as one, so that all others differ. */
export function axisOf(name, values, { values: listed = null, log = false } = {}, worse = "") {
  if (listed || !values.every(isNumber)) {
    const labels = (listed ?? []).filter((each) => values.some((value) => same(value, each))).map(written);
    for (const value of values.map(written)) if (!labels.includes(value)) labels.push(value);
    return { name, labels, place: (value) => (labels.indexOf(written(value)) + 0.5) / labels.length };
  }
  const [least, most] = [Math.min(...values), Math.max(...values)], [first, third] = quartiles(values), reach = 1.5 * (third - first);
  const low = worse === "low" && reach ? Math.max(least, first - reach) : least, high = worse === "high" && reach ? Math.min(most, third + reach) : most;
  const scale = log && low > 0 ? Math.log10 : (value) => value;
  const span = scale(high) - scale(low);
  const back = (share) => (scale === Math.log10 ? 10 ** (scale(low) + share * span) : low + share * span);
  const place = (value) => (span ? Math.min(1, Math.max(0, (scale(value) - scale(low)) / span)) : 0.5);
  const marks = ticks(low, high, scale === Math.log10).map((value) => [place(value), short(value)]);
  const end = low > least ? [0, `≤ ${short(low)}`] : high < most ? [1, `≥ ${short(high)}`] : null;
  return { name, back, place, marks: end ? [...marks.filter(([share]) => Math.abs(share - end[0]) > 0.06), end] : marks };
}

function quartiles(values) {
  const sorted = values.slice().sort((one, other) => one - other);
  return [0.25, 0.75].map((share) => sorted[Math.round(share * (sorted.length - 1))]);
}

/** Round numbers along an axis: decades of a long logarithmic one. */
function ticks(low, high, log) {
  if (low === high) return [low];
  if (log && high / low >= 30) return Array.from({ length: 40 }, (_, place) => 10 ** (place - 20)).filter((each) => each >= low * 0.999 && each <= high * 1.001);
  const rough = (high - low) / 4, unit = 10 ** Math.floor(Math.log10(rough)), step = unit * [1, 2, 2.5, 5, 10].find((each) => each * unit >= rough * 0.999);
  const first = Math.ceil(low / step - 1e-9), count = Math.floor(high / step + 1e-9) - first + 1;
  return count > 0 ? Array.from({ length: count }, (_, place) => (first + place) * step) : [low, high];
}

/** Where each line crosses an axis, 0 to 1; through a listed value they spread by rank. Null without a value. */
function crossings(axis, lines, valueOf) {
  const found = lines.map((line) => { const value = valueOf(line, axis.name); return value === null || value === undefined ? null : axis.place(value); });
  if (!axis.labels) return found;
  const groups = new Map();
  lines.forEach((line, place) => { if (found[place] !== null) groups.set(found[place], [...(groups.get(found[place]) ?? []), place]); });
  for (const [middle, places] of groups) {
    places.sort((one, other) => (lines[one].shade ?? -1) - (lines[other].shade ?? -1));
    places.forEach((place, rank) => { found[place] = middle + (BAND * ((rank + 0.5) / places.length - 0.5)) / axis.labels.length; });
  }
  return found;
}

/** The drawing in one place of the page. `onbrush` is called when a brush changes; `brushes` are [low, high] by axis. */
export class Parallel {
  constructor(place, onbrush) {
    this.brushes = new Map();
    this.onbrush = onbrush;
    this.canvas = h("canvas", { "aria-hidden": "true" });
    this.svg = s("svg", { role: "group", "aria-label": "parallel coordinates: an axis each, with its brush" });
    this.box = h("div", { class: "parallel" }, this.canvas, this.svg);
    place.append(h("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": "parallel coordinates" }, this.box));
    new ResizeObserver(() => this.data && !this.dragging && this.layOut()).observe(place);
    dark.addEventListener("change", () => this.data && this.paint());
  }

  /** `axes` of axisOf, the last one the result's; `lines` with an id and a `shade` of 0 (worst) to 1, null without a result. */
  draw(axes, lines, valueOf) {
    this.data = { axes, lines, places: axes.map((axis) => crossings(axis, lines, valueOf)), valueOf };
    for (const name of this.brushes.keys()) if (!axes.some((axis) => axis.name === name)) this.brushes.delete(name);
    if (this.dragging) this.paint(); else this.layOut();
  }

  /** Whether a line passes all brushes. */
  passes(line) {
    return this.data.axes.every((axis) => {
      const brush = this.brushes.get(axis.name);
      if (!brush) return true;
      const value = this.data.valueOf(line, axis.name);
      if (value === null || value === undefined) return false;
      const place = axis.place(value);
      return place >= brush[0] - 1e-9 && place <= brush[1] + 1e-9;
    });
  }

  layOut() {
    const { axes } = this.data, style = getComputedStyle(this.box);
    const width = Math.max(this.box.parentElement.clientWidth, LEFT + RIGHT + ROOM * (axes.length - 1));
    const height = parseFloat(style.getPropertyValue("--height")) || 330;
    const gap = axes.length > 1 ? (width - LEFT - RIGHT) / (axes.length - 1) : 0;
    this.size = { width, height, x: (place) => LEFT + gap * place, y: (share) => ABOVE + (1 - share) * (height - ABOVE - BELOW) };
    this.box.style.width = `${width}px`;
    this.box.style.height = `${height}px`;
    const focused = document.activeElement?.dataset?.axis;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.replaceChildren(...axes.map((axis, place) => this.axis(axis, place, gap)));
    if (focused) [...this.svg.children].find((each) => each.dataset.axis === focused)?.focus({ preventScroll: true });
    this.paint();
  }

  axis(axis, place, gap) {
    const { x, y } = this.size, top = y(1), bottom = y(0), letters = Math.max(14, Math.floor(gap / 7.5)), last = place && place === this.data.axes.length - 1;
    const marks = axis.labels ? axis.labels.map((label, index) => [(index + 0.5) / axis.labels.length, label]) : axis.marks;
    const name = axis.title ?? axis.name, cut = name.length > letters ? `${name.slice(0, letters - 1)}…` : name;
    const group = s("g", { transform: `translate(${x(place)} 0)`, tabindex: 0, role: "slider", "aria-orientation": "vertical", "aria-label": `${name}, brush`, "aria-valuemin": 0, "aria-valuemax": 100, class: "axis", "data-axis": axis.name },
      s("title", {}, name), s("rect", { class: "grip", x: -GRIP / 2, y: top - 6, width: GRIP, height: bottom - top + 12 }),
      s("line", { y1: top, y2: bottom }), s("text", { class: "name", x: last ? RIGHT - 4 : 0, y: place % 2 && gap < 120 ? 12 : 26, "text-anchor": last ? "end" : "middle" }, cut),
      ...marks.map(([share, label]) => s("text", { x: -6, y: y(share) + 4, "text-anchor": "end" }, label.length > 9 ? `${label.slice(0, 8)}…` : label)),
      s("rect", { class: "brush", x: -8, width: 16 }));
    group.addEventListener("pointerdown", (event) => this.drag(event, axis, group));
    group.addEventListener("keydown", (event) => this.key(event, axis));
    return group;
  }

  drag(event, axis, group) {
    if (event.button) return;
    const rectangle = this.svg.getBoundingClientRect();
    const share = (now) => Math.min(1, Math.max(0, 1 - (now.clientY - rectangle.top - ABOVE) / (this.size.height - ABOVE - BELOW)));
    const start = share(event);
    let moved = false;
    this.dragging = true;
    group.setPointerCapture(event.pointerId);
    group.onpointermove = (now) => {
      moved ||= Math.abs(now.clientY - event.clientY) > 4;
      if (moved) this.brush(axis.name, [Math.min(start, share(now)), Math.max(start, share(now))]);
    };
    group.onpointerup = group.onpointercancel = () => {
      group.onpointermove = group.onpointerup = group.onpointercancel = null;
      this.dragging = false;
      if (!moved) this.brush(axis.name, null);
      this.layOut();
    };
  }

  /** Up and down move the upper end of the brush, with Shift the lower one; Home, End; Escape takes it away. */
  key(event, axis) {
    const step = axis.labels ? 1 / axis.labels.length : STEP, [low, high] = this.brushes.get(axis.name) ?? [0, 1];
    const by = { ArrowUp: step, ArrowDown: -step, PageUp: 5 * step, PageDown: -5 * step, Home: -1, End: 1 }[event.key];
    const within = (value, least, most) => Math.min(most, Math.max(least, value));
    if (by !== undefined) this.brush(axis.name, event.shiftKey ? [within(low + by, 0, high - step), high] : [low, within(high + by, low + step, 1)]);
    else if (["Escape", "Delete", "Backspace"].includes(event.key)) this.brush(axis.name, null);
    else return;
    event.preventDefault();
  }

  brush(name, range) {
    if (!range || (range[0] <= 1e-9 && range[1] >= 1 - 1e-9)) this.brushes.delete(name); else this.brushes.set(name, range);
    this.soon();
  }

  clear() {
    this.brushes.clear();
    this.soon();
  }

  /** Once for all brushes that move before the next frame. */
  soon() {
    this.waiting ??= requestAnimationFrame(() => { this.waiting = null; this.paint(); this.onbrush(); });
  }

  /** The lines, and where the brushes stand. */
  paint() {
    const { axes, lines, places } = this.data, { width, height, x, y } = this.size, ratio = devicePixelRatio || 1, theme = dark.matches ? "dark" : "light";
    Object.assign(this.canvas, { width: width * ratio, height: height * ratio });
    const pen = this.canvas.getContext("2d"), [worst, best] = SHADES[theme];
    pen.scale(ratio, ratio);
    const through = lines.map((line) => this.passes(line));
    const order = lines.map((_, place) => place).sort((one, other) => through[one] - through[other] || (lines[one].shade ?? -1) - (lines[other].shade ?? -1));
    for (const place of order) {
      const { shade } = lines[place];
      pen.globalAlpha = through[place] ? (lines.length > MANY ? 0.6 : 0.85) : lines.length > MANY ? 0.03 : 0.12;
      pen.lineWidth = through[place] && shade === 1 ? 2.6 : lines.length > MANY ? 1 : 1.1; // of 1: less than half the time
      pen.strokeStyle = shade === null ? FAILED[theme] : `rgb(${worst.map((from, part) => Math.round(from + (best[part] - from) * shade)).join()})`;
      pen.setLineDash(shade === null && lines.length <= MANY ? [3, 3] : []); // thousands of dashes take a second
      pen.beginPath();
      let before = null;
      axes.forEach((_, axis) => {
        const share = places[axis][place];
        if (share === null) return;
        const [here, across] = [x(axis), y(share)];
        if (!before) pen.moveTo(here, across);
        else if (lines.length > MANY) pen.lineTo(here, across);
        else { const third = (here - before[0]) * 0.4; pen.bezierCurveTo(before[0] + third, before[1], here - third, across, here, across); }
        before = [here, across];
      });
      pen.stroke();
    }
    axes.forEach((axis, place) => this.mark(axis, this.svg.children[place], through));
  }

  mark(axis, group, through) {
    const brush = this.brushes.get(axis.name), rect = group.querySelector(".brush"), [low, high] = brush ?? [0, 1];
    rect.setAttribute("y", this.size.y(high));
    rect.setAttribute("height", brush ? Math.max(2, this.size.y(low) - this.size.y(high)) : 0);
    group.setAttribute("aria-valuenow", Math.round(100 * high));
    group.setAttribute("aria-valuetext", `${this.spoken(axis) || "all values"}, ${through.filter(Boolean).length} of ${through.length} trials`);
  }

  /** A brush in words; nothing without one. */
  spoken(axis) {
    const brush = this.brushes.get(axis.name);
    if (!brush) return "";
    if (axis.labels) return axis.labels.filter((_, index) => (index + 0.5) / axis.labels.length >= brush[0] - 1e-9 && (index + 0.5) / axis.labels.length <= brush[1] + 1e-9).join(", ") || "nothing";
    return `${short(axis.back(brush[0]))} to ${short(axis.back(brush[1]))}`;
  }

  /** All brushes in words. */
  get words() {
    return this.data ? this.data.axes.filter((axis) => this.brushes.has(axis.name)).map((axis) => `${axis.title ?? axis.name} ${this.spoken(axis)}`).join("; ") : "";
  }
}
