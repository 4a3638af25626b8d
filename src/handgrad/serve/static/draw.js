// A pad: what several networks take a drawing for, what they saw of it, and which pixels that rests on.
import { $, h, percent, request } from "./common.js";

const SIDE = 196, PEN = 30, MOST = 6, STEP = 8;
const pad = $("#pad"), ink = pad.getContext("2d", { willReadFrequently: true });
const small = h("canvas", { width: SIDE, height: SIDE }).getContext("2d", { willReadFrequently: true });
const chosen = new Set(), key = { x: 196, y: 120, down: false };
let begun = false, last = null, busy = false, wanted = false;

function clear() {
  ink.fillStyle = "#fff";
  ink.fillRect(0, 0, pad.width, pad.height);
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
  const patience = setTimeout(() => { $("#draw-note").textContent = "reading networks and training images … (some seconds, once)"; }, 700);
  while (wanted) {
    wanted = false;
    small.fillStyle = "#fff";
    small.fillRect(0, 0, SIDE, SIDE);
    small.drawImage(pad, 0, 0, SIDE, SIDE);
    const { data } = small.getImageData(0, 0, SIDE, SIDE);
    let text = "";
    for (let at = 0; at < data.length; at += 4) text += String.fromCharCode(Math.round(0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2]));
    try {
      const { networks } = await request("/api/classify", { runs: [...chosen], pixels: btoa(text) });
      $("#draw-error").textContent = "";
      $("#results").replaceChildren(...networks.map(result));
    } catch (error) { $("#draw-error").textContent = error.message; }
  }
  clearTimeout(patience);
  $("#draw-note").textContent = "";
  busy = false;
}

function picture(size, text, label, heat) {
  const [height, width] = size, canvas = h("canvas", { width, height, role: "img", "aria-label": label }), context = canvas.getContext("2d");
  const image = context.createImageData(width, height), bytes = atob(text);
  for (let at = 0; at < bytes.length; at++) { const value = bytes.charCodeAt(at); image.data.set(heat ? [value, value * value / 255, 255 * (value / 255) ** 6, 255] : [value, value, value, 255], 4 * at); }
  context.putImageData(image, 0, 0);
  return h("figure", {}, canvas, h("figcaption", {}, label));
}

function result(each) {
  if (each.empty) return h("div", { class: "result" }, h("h2", {}, each.name), h("p", {}, "nothing is drawn yet"));
  const order = each.probabilities.map((_, place) => place).sort((a, b) => each.probabilities[b] - each.probabilities[a]);
  const best = order[0], bars = order.slice(0, 5).flatMap((at) => [h("span", {}, each.classes[at]), h("meter", { value: each.probabilities[at], "aria-hidden": "true" }), h("span", { class: "right" }, `${percent(each.probabilities[at], 1)} %`)]);
  return h("div", { class: "result" }, h("h2", {}, `${each.classes[best]}, ${percent(each.probabilities[best], 1)} %: ${each.name}`), h("div", { class: "bars" }, bars), ...each.doubts.map((text) => h("p", { class: "warn" }, text)), picture(each.size, each.seen, "what it saw"), each.saliency ? picture(each.size, each.saliency, "saliency", true) : null);
}

/** The view; `networks` lists the runs that there are. */
export function showDraw(networks, say) {
  if (!begun) begin();
  say("handgrad predict RUN drawing.png --show seen; handgrad explain RUN drawing.png");
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
