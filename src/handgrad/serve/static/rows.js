// Tables of rows: searched by words and conditions, sorted by a column, drawn with a head that sorts.
import { h, written } from "./common.js";

/** Whether a row has what is searched for: words, or such as test>90, state=running, optimizer!=sgd.
 *  `texts(row)` are those in which words are looked for, `value(row, name)` is what a condition is about. */
export function matches(row, words, { texts, value }) {
  return words.every((word) => {
    const [, name, sign, wanted] = word.match(/^([\p{L}\d_.-]+?)(<=|>=|!=|=|<|>)(.+)$/u) ?? [];
    if (!sign) return texts(row).some((text) => text.toLowerCase().includes(word.toLowerCase()));
    const found = value(row, name);
    if (found === undefined || found === null) return sign === "!=";
    const [one, other] = isFinite(wanted) && typeof found === "number" ? [found, +wanted] : [written(found).toLowerCase(), wanted.toLowerCase()];
    return { "=": one === other, "!=": one !== other, "<": one < other, ">": one > other, "<=": one <= other, ">=": one >= other }[sign];
  });
}

export const wordsOf = (input) => input.value.split(/\s+/).filter(Boolean);

/** Compares two rows by a value, those without one last. */
export function byValue(value, falling) {
  return (one, other) => {
    const [a, b] = [value(one), value(other)];
    if (a === b) return 0;
    if (a === null || a === undefined) return 1;
    if (b === null || b === undefined) return -1;
    return (falling ? -1 : 1) * (typeof a === "number" && typeof b === "number" ? a - b : written(a).localeCompare(written(b), undefined, { numeric: true }));
  };
}

/** The cells of a head: `columns` are {label, text} by name, `order` is {sort, falling}; each sorts when pressed. */
export const headCells = (columns, order, onsort) => Object.entries(columns).map(([name, column]) => {
  const now = order.sort === name;
  const press = () => { order.falling = now ? !order.falling : true; order.sort = name; onsort(); };
  return h("th", { class: column.text ? "text" : "", scope: "col", "aria-sort": now ? (order.falling ? "descending" : "ascending") : "none" }, h("button", { type: "button", "data-focus": `sort ${name}`, onclick: press }, `${column.label}${now ? (order.falling ? " ▾" : " ▴") : ""}`));
});

/** Do something that makes elements anew, and give the focus back to the one that had it. */
export function keepingFocus(draw) {
  const focused = document.activeElement?.dataset?.focus;
  draw();
  if (focused && document.activeElement?.dataset?.focus !== focused) document.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
}

/** A sorted table of `rows` in an element: `columns` are {label, text, value, cell} by name; `cell` makes its content. */
export function drawRows(place, columns, rows, order, { most = 200, again }) {
  const sorted = rows.slice().sort(byValue(columns[order.sort].value, order.falling));
  const line = (row) => h("tr", {}, Object.values(columns).map((column) => h("td", { class: `${column.text ? "text" : ""} ${column.style ?? ""}` }, column.cell ? column.cell(row) : written(column.value(row)))));
  const shown = sorted.slice(0, order.many ?? most).map(line);
  if (sorted.length > shown.length) shown.push(h("tr", {}, h("td", { class: "text", colSpan: Object.keys(columns).length }, h("button", { type: "button", onclick: () => { order.many = shown.length + 4 * most; again(); } }, `${sorted.length - shown.length} more`))));
  keepingFocus(() => place.replaceChildren(h("thead", {}, h("tr", {}, headCells(columns, order, again))), h("tbody", {}, shown)));
}
