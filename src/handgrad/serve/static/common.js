// What all views share: elements, requests, numbers, colours.

const token = document.querySelector('meta[name="post-token"]')?.content;
export const $ = (selector) => document.querySelector(selector);

/** An element; text never becomes markup. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name.includes("-") || name === "role" || name === "for") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.flat().filter((each) => each !== null && each !== undefined));
  return element;
}

/** An answer of the server; an error of one line where it refuses. */
export async function request(path, fields) {
  const how = fields && { method: "POST", body: JSON.stringify(fields), headers: { "content-type": "application/json", "x-handgrad-token": token } };
  const answer = await fetch(path, how).catch(() => { throw new Error("the server has ended: start `handgrad serve` again"); });
  const text = await answer.text();
  let content;
  try { content = JSON.parse(text); } catch { throw new Error(text.trim().slice(0, 300)); }
  if (!answer.ok) throw new Error(content.error ?? text);
  return content;
}

export const percent = (share, digits = 2) => (share === null || share === undefined ? "" : (100 * share).toFixed(digits));
export const written = (value) => (value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value).replaceAll('"', "").replaceAll(",", " ") : String(value));
export const short = (value) => (value === null || value === undefined ? "" : Math.abs(value) >= 1e4 || (value !== 0 && Math.abs(value) < 1e-3) ? value.toExponential(2).replace(/\.?0+e/, "e") : String(+value.toPrecision(4)));

const LIGHT = ["#0072b2", "#c44e00", "#008060", "#a3449b", "#8a6d00", "#2f8fc4", "#b3261e", "#4d4d4d"];
const DARK = ["#5ab4f0", "#ff9a52", "#3fd0a4", "#e39ad8", "#e5cf52", "#9fd4f7", "#ff8f86", "#c9c9c9"];
export const dark = matchMedia("(prefers-color-scheme: dark)");
export const colour = (place) => (dark.matches ? DARK : LIGHT)[place % LIGHT.length];

/** A table of texts; the first column holds names. */
export function table(columns, rows) {
  const cell = (tag) => (text, place) => h(tag, place ? {} : { class: "text" }, text);
  return h("div", { class: "scroll", tabIndex: 0 }, h("table", {}, h("thead", {}, h("tr", {}, columns.map((text, place) => cell(text ? "th" : "td")(text, place)))), h("tbody", {}, rows.map((row) => h("tr", {}, row.map(cell("td")))))));
}
