// A pad: what several networks take a drawing for, what they saw of it, which pixels that rests on, what each layer makes
// of it, and which training images are nearest.
import { $, dark, h, percent, request } from "./common.js";

const SIDE = 196, PEN = 30, MOST = 6, STEP = 8;
const pad = $("#pad"), ink = pad.getContext("2d", { willReadFrequently: true });
const small = h("canvas", { width: SIDE, height: SIDE }).getContext("2d", { willReadFrequently: true });
const chosen = new Set(), key = { x: 196, y: 120, down: false };
let begun = false, last = null, busy = false, wanted = false, sheet = 0;

function clear() {
  ink.fillStyle = "#fff";
  ink.fillRect(0, 0, pad.width, pad.height);
  sheet += 1; // what is being asked is of an earlier one
  $("#results").replaceChildren();
}

function line(from, to) {
  Object.assign(ink, { lineWidth: PEN, lineCap: "round", lineJoin: "round", strokeStyle: "#111" });
  ink.beginPath();
  ink.moveTo(from.x, from.y);
  ink.lineTo(to.x, to.y + 0.01);
  ink.stroke();
  classify();
}

const place = (event) => { const box = pad.getBoundingClientRect(); return { x: ((event.clientX - box.left) * pad.width) / box.width, y: ((event.clientY - box.top) * pad.height) / box.height }; };

function begin() {
  begun = true;
  clear();
  pad.addEventListener("pointerdown", (event) => { pad.setPointerCapture(event.pointerId); last = place(event); line(last, last); });
  pad.addEventListener("pointermove", (event) => { if (!last) return; for (const each of event.getCoalescedEvents?.() ?? [event]) { const next = place(each); line(last, next); last = next; } });
  for (const name of ["pointerup", "pointercancel"]) pad.addEventListener(name, () => { last = null; });
  pad.addEventListener("keydown", (event) => {
    const [x, y] = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key] ?? [];
    if (event.key === " ") key.down = !key.down;
    else if (x === undefined) return;
    event.preventDefault();
    const next = { x: Math.min(380, Math.max(12, key.x + (x ?? 0))), y: Math.min(380, Math.max(12, key.y + (y ?? 0))) };
    if (key.down) line(key, next);
    Object.assign(key, next);
  });
  $("#clear").addEventListener("click", clear);
  $("#picture").addEventListener("change", async (event) => {
    try {
      const image = await createImageBitmap(event.target.files[0]), scale = Math.min(pad.width / image.width, pad.height / image.height);
      clear();
      ink.drawImage(image, (pad.width - scale * image.width) / 2, (pad.height - scale * image.height) / 2, scale * image.width, scale * image.height);
      classify();
    } catch { $("#draw-error").textContent = "this file is no picture that the browser can read"; }
  });
}

/** One question at a time; the newest drawing is asked for when the last answer is there. */
async function classify() {
  wanted = true;
  if (busy || !chosen.size) return;
  busy = true;
  $("#results").setAttribute("aria-busy", "true");
  const patience = setTimeout(() => { $("#draw-note").textContent = "reading networks and training images … (some seconds, once)"; }, 700);
  while (wanted) {
    wanted = false;
    const asked = sheet;
    small.fillStyle = "#fff";
    small.fillRect(0, 0, SIDE, SIDE);
    small.drawImage(pad, 0, 0, SIDE, SIDE);
    const { data } = small.getImageData(0, 0, SIDE, SIDE);
    let text = "";
    for (let at = 0; at < data.length; at += 4) text += String.fromCharCode(Math.round(0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2]));
    try {
      const { networks } = await request("/api/classify", { runs: [...chosen], pixels: btoa(text), inside: inside.nearest || inside.layers });
      $("#draw-error").textContent = "";
      if (asked !== sheet) continue;
      $("#results").replaceChildren(...networks.map(result));
      $("#verdicts").textContent = networks.filter((each) => each.probabilities && !each.empty).map((each) => `${each.name}: ${verdict(each)}`).join("; ");
    } catch (error) { $("#draw-error").textContent = error.message; }
  }
  clearTimeout(patience);
  $("#draw-note").textContent = "";
  $("#results").setAttribute("aria-busy", "false");
  busy = false;
}

/** A picture whose pixels become colours: `shade` gives red, green, blue of a number from 0 to 255. */
function picture(canvas, [height, width], text, shade) {
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d"), image = context.createImageData(width, height), bytes = atob(text);
  for (let at = 0; at < bytes.length; at++) image.data.set([...shade(bytes.charCodeAt(at)), 255], 4 * at);
  context.putImageData(image, 0, 0);
  return canvas;
}

const grey = (value) => [value, value, value];
const heat = (value) => [value, (value * value) / 255, 255 * (value / 255) ** 6];
const figure = (label, { size, pixels }, shade = grey, ...caption) => h("figure", {}, picture(h("canvas", { role: "img", "aria-label": label }), size, pixels, shade), h("figcaption", {}, ...(caption.length ? caption : [label])));

/** 128 is the ground, less than that goes to blue, more to orange. */
function signed(value) {
  const share = Math.min(1, Math.abs(value - 128) / 127), ground = dark.matches ? [20, 23, 26] : [255, 255, 255];
  const full = value < 128 ? (dark.matches ? [90, 180, 240] : [0, 90, 170]) : (dark.matches ? [255, 154, 82] : [196, 78, 0]);
  return ground.map((from, place) => Math.round(from + share * (full[place] - from)));
}

/** A layer's maps side by side, or its units in rows. */
function layer(each) {
  const [shown, height, width] = each.size, units = each.kind === "unit";
  const columns = units ? Math.min(shown, shown > 256 ? 64 : 32) : Math.min(shown, 8), gap = units ? 0 : Math.ceil(width / 14);
  const rows = Math.ceil(shown / columns), sheet = h("canvas", { width: columns * (width + gap) - gap, height: rows * (height + gap) - gap, role: "img", className: units ? "units" : "maps" });
  const one = h("canvas"), context = sheet.getContext("2d"), bytes = atob(each.pixels);
  for (let at = 0; at < shown; at++) context.drawImage(picture(one, [height, width], btoa(bytes.slice(at * height * width, (at + 1) * height * width)), signed), (at % columns) * (width + gap), Math.floor(at / columns) * (height + gap));
  const of = shown < each.count ? `the first ${shown} of ${each.count}` : each.count, size = units ? "" : ` of ${height} × ${width}`;
  const label = `${each.title}: ${of} ${each.kind}${each.count === 1 ? "" : "s"}${size}, ${percent(each.positive, 0)} % above 0, up to ±${each.limit}`;
  sheet.setAttribute("aria-label", label);
  return h("figure", { class: "layer" }, h("figcaption", {}, label), sheet);
}

/** What is shown of the inside of all networks, and stays open or closed while the drawing goes on. */
const inside = { nearest: true, layers: true };

function fold(name, title, ...content) {
  return h("details", { open: inside[name], ontoggle: (event) => {
    if (inside[name] === event.target.open) return;
    inside[name] = event.target.open;
    for (const other of document.querySelectorAll(`#results details[data-fold=${name}]`)) other.open = inside[name];
    classify();
  }, "data-fold": name }, h("summary", {}, title), ...content);
}

const verdict = ({ classes, probabilities }) => { const best = probabilities.indexOf(Math.max(...probabilities)); return `${classes[best]}, ${percent(probabilities[best], 1)} %`; };

function result(each) {
  if (each.error) return h("div", { class: "result" }, h("h2", {}, each.name), h("p", { class: "bad" }, each.error));
  if (each.empty) return h("div", { class: "result" }, h("h2", {}, each.name), h("p", {}, "nothing is drawn yet"));
  const order = each.probabilities.map((_, place) => place).sort((a, b) => each.probabilities[b] - each.probabilities[a]);
  const bars = order.slice(0, 5).flatMap((at) => [h("span", {}, each.classes[at]), h("meter", { value: each.probabilities[at], "aria-hidden": "true" }), h("span", { class: "right" }, `${percent(each.probabilities[at], 1)} %`)]);
  const nearest = each.nearest?.map((other) => figure(`a training image of ${other.label}`, other.picture, grey, h("b", {}, other.label), ` ${other.distance}`));
  return h("div", { class: "result" }, h("h2", {}, `${verdict(each)}: ${each.name}`), h("div", { class: "bars" }, bars), ...each.doubts.map((text) => h("p", { class: "warn" }, text)), each.seen.length > 1 ? h("p", { class: "hint" }, `the mean of the answers for ${each.seen.length} views`) : null, ...each.seen.map((view) => figure(`what it saw${each.seen.length > 1 ? `, ${view.view}` : ""}`, view)), each.saliency ? figure("saliency", each.saliency, heat) : null,
    nearest || !inside.nearest ? fold("nearest", "nearest training images", h("p", { class: "hint" }, each.among ?? ""), h("div", { class: "near" }, nearest ?? [])) : null,
    fold("layers", "what each layer makes of it: orange above 0, blue below", ...(each.layers ?? []).map(layer)));
}

/** The view; `networks` lists the runs that there are. */
export function showDraw(networks, say) {
  if (!begun) begin();
  say("handgrad predict RUN drawing.png --show seen; handgrad explain RUN drawing.png --inside");
  const rows = networks(), known = [...$("#networks").querySelectorAll("input")].map((box) => box.value).join();
  if (rows.map((row) => row.id).join() === known) return;
  if (!known) rows.filter((row) => row.selected).slice(0, 3).forEach((row) => chosen.add(row.id));
  for (const id of chosen) if (!rows.some((row) => row.id === id)) chosen.delete(id);
  $("#networks").replaceChildren(...rows.slice(0, 100).map((row) => h("label", {}, h("input", { type: "checkbox", value: row.id, checked: chosen.has(row.id), onchange: (event) => {
    if (!event.target.checked) chosen.delete(row.id);
    else if (chosen.size < MOST) chosen.add(row.id);
    else event.target.checked = false;
    classify();
  } }), ` ${row.name}${row.test ? `, ${percent(row.test, 1)} %` : ""}`)));
}
