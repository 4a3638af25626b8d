// The page: its views by the address behind #, the stream of what changes, the table of runs.
import { $, colour, dark, h, percent, request, table, written } from "./common.js";
import { Charts } from "./curves.js";
import { showClass, showReports } from "./documents.js";
import { showDraw } from "./draw.js";
import { showPlay } from "./play.js";
import { byValue, headCells, keepingFocus, matches, wordsOf } from "./rows.js";
import { SWEEP_EVENTS, showSweep, showSweeps, showTrial } from "./sweeps.js";
import { showTrain } from "./train.js";

const ROWS = 200, FIRST = 6, MOST = 24, COLUMNS = 5;
const VIEWS = { runs: showRuns, run: showRun, comparison: showComparison, draw: () => showDraw(drawable, say), train: () => showTrain(say), sweeps: withSweeps(showSweeps), sweep: withSweeps(showSweep), trial: withSweeps(showTrial), class: (id) => showClass(id, say), reports: (id) => showReports(id, say), play: (address) => showPlay(address, say) };
const runs = new Map(), curves = new Map();
const state = { ids: [], selected: [], chosen: false, sort: "began", falling: true, many: ROWS };
let stream = null, streamed = "", charts = null, ownCharts = null, waiting = null, tableIsOld = true;

// The stream ---------------------------------------------------------------------------------------------------

/** A view of sweeps, which gets their changes. */
function withSweeps(show) { return (rest) => show(rest, say, (sweep) => listen([], sweep)); }

/** Get the changes of the runs and the curves of some; with a `sweep`, also of all sweeps and of its trials. */
function listen(ids, sweep) {
  const wanted = `curves=${ids.join()}${sweep === undefined ? "" : `&sweep=${encodeURIComponent(sweep)}`}`;
  if (stream && streamed === wanted) return;
  stream?.close();
  streamed = wanted;
  stream = new EventSource(`/api/events?${wanted}`);
  for (const [name, take] of Object.entries(SWEEP_EVENTS)) stream.addEventListener(name, (message) => take(JSON.parse(message.data)));
  stream.addEventListener("open", () => live("live"));
  stream.addEventListener("error", () => live("no connection: has `handgrad serve` ended? A new start has a new address", true));
  stream.addEventListener("runs", (message) => { takeRuns(JSON.parse(message.data)); });
  stream.addEventListener("curves", (message) => { const found = JSON.parse(message.data); curves.set(found.id, found); soon(false); });
}

function live(text, lost = false) {
  const place = $("#live");
  if (place.textContent !== text) place.textContent = text;
  place.classList.toggle("lost", lost);
}

function takeRuns({ ids, rows }) {
  state.ids = ids;
  for (const row of rows) runs.set(row.id, row);
  for (const id of runs.keys()) if (!ids.includes(id)) { runs.delete(id); curves.delete(id); }
  state.selected = state.selected.filter((id) => runs.has(id));
  if (!state.chosen) state.selected = ids.slice(-FIRST).reverse();
  $("#empty").hidden = ids.length > 0;
  groupChoices();
  soon();
  route.again?.();
}

/** Draw once for all that arrives together; the table only where more than curves has changed. */
function soon(withTable = true) {
  tableIsOld ||= Boolean(withTable);
  waiting ??= requestAnimationFrame(() => {
    waiting = null;
    if ($("#runs").hidden) { ownCharts?.(); return; }
    if (tableIsOld) drawTable();
    tableIsOld = false;
    drawCharts();
    listen(state.selected);
  });
}

/** Runs that may have a network, the newest first; those in the curves are chosen at first. */
const drawable = () => state.ids.map((id) => runs.get(id)).filter((row) => row?.epochs && row.state !== "damaged").reverse().map((row) => ({ ...row, selected: state.selected.includes(row.id) }));

// The table ----------------------------------------------------------------------------------------------------

const FIXED = {
  name: { label: "run", text: true, value: (row) => row.name },
  state: { label: "state", text: true, value: (row) => row.state },
  test: { label: "test %", value: (row) => row.test, write: (row) => percent(row.test) },
  validation: { label: "val %", value: (row) => row.validation, write: (row) => percent(row.validation) },
  epochs: { label: "epochs", value: (row) => row.epochs, write: (row) => (row.epochs === null ? "" : row.state === "running" ? `${row.epochs} of ${row.of ?? "?"}` : String(row.epochs)) },
  seconds: { label: "seconds", value: (row) => row.seconds, write: (row) => row.seconds?.toFixed(1) ?? "" },
  began: { label: "begun", value: (row) => row.began, write: (row) => (row.began ? new Date(1000 * row.began).toLocaleString([], { dateStyle: "short", timeStyle: "short" }) : "") },
};
const settingNames = () => Object.keys(runs.get(state.ids[0])?.settings ?? {}).filter((name) => !["name", "runs_dir"].includes(name));
const valueOf = (row, name) => (FIXED[name] ? FIXED[name].value(row) : row.settings?.[name]);
const percents = new Set(["test", "validation"]);

const searched = {
  texts: (row) => [row.name, row.state, ...Object.entries(row.settings ?? {}).map(([key, value]) => `${key}=${written(value)}`)],
  value: (row, name) => { const value = valueOf(row, name); return percents.has(name) && value !== null ? 100 * value : value; },
};

function visibleRows() {
  const words = wordsOf($("#table-controls").search);
  const found = state.ids.map((id) => runs.get(id)).filter((row) => row && matches(row, words, searched));
  return found.reverse().sort(byValue((row) => valueOf(row, state.sort), state.falling));
}

const groupOf = (row, by) => (by === "seeds" ? row.group : written(row.settings?.[by]));

function groupChoices() {
  const select = $("#table-controls").group, names = settingNames();
  if (select.dataset.names === names.join()) return;
  select.dataset.names = names.join();
  const kept = select.value;
  select.replaceChildren(...[...select.options].slice(0, 2), ...names.map((name) => h("option", { value: name }, name)));
  select.value = names.includes(kept) || kept === "seeds" ? kept : "";
}

function drawTable() {
  const rows = visibleRows(), by = $("#table-controls").group.value;
  const names = settingNames(), own = names.slice().sort((a, b) => (b === by) - (a === by)).slice(0, COLUMNS);
  const columns = { ...FIXED, ...Object.fromEntries(own.map((name) => [name, { label: name, text: false, value: (row) => row.settings?.[name], write: (row) => written(row.settings?.[name]) }])) };
  const head = headCells(columns, state, soon);
  const listed = [];
  if (by) {
    const groups = Map.groupBy ? Map.groupBy(rows, (row) => groupOf(row, by)) : grouped(rows, (row) => groupOf(row, by));
    for (const [value, members] of groups) listed.push(groupRow(value, members, by, Object.keys(columns).length), ...members.map((row) => tableRow(row, columns)));
  } else listed.push(...rows.slice(0, state.many).map((row) => tableRow(row, columns)));
  const cut = listed.slice(0, state.many);
  if (rows.length > state.many) cut.push(h("tr", {}, h("td", { class: "text", colSpan: 1 + Object.keys(columns).length }, h("button", { type: "button", onclick: () => { state.many += 4 * ROWS; soon(); } }, `${rows.length - state.many} more`))));
  keepingFocus(() => {
    $("#table thead").replaceChildren(h("tr", {}, h("th", {}, h("span", { class: "sr" }, "in the curves")), head));
    $("#table tbody").replaceChildren(...cut);
  });
  $("#count").textContent = `${rows.length === state.ids.length ? rows.length : `${rows.length} of ${state.ids.length}`} runs, ${state.selected.length} in the curves`;
  const several = state.selected.filter((id) => runs.has(id)).length;
  $("#compare").disabled = several < 2;
  $("#compare").textContent = several < 2 ? "Compare: select two or more" : `Compare the ${several} selected`;
}

function grouped(rows, key) {
  const found = new Map();
  for (const row of rows) found.set(key(row), [...(found.get(key(row)) ?? []), row]);
  return found;
}

function groupRow(value, members, by, width) {
  const tests = members.map((row) => row.test).filter((each) => each !== null);
  const mean = tests.reduce((a, b) => a + b, 0) / tests.length;
  const deviation = Math.sqrt(tests.reduce((a, b) => a + (b - mean) ** 2, 0) / (tests.length - 1));
  const spread = tests.length > 1 ? `, test ${percent(mean)} ± ${percent(deviation)} % (mean and standard deviation of ${tests.length})` : tests.length ? `, test ${percent(mean)} %` : "";
  const title = by === "seeds" ? `${members[members.length - 1].name}: ${members.length} ${members.length === 1 ? "seed" : "seeds"}` : `${by} ${value || "none"}: ${members.length}`;
  return h("tr", { class: "group" }, h("td"), h("td", { class: "text", colSpan: width }, title + spread));
}

function tableRow(row, columns) {
  const place = state.selected.indexOf(row.id), box = h("input", { type: "checkbox", checked: place >= 0, "data-focus": row.id, "aria-label": `${row.name} in the curves`, onchange: () => select(row.id) });
  if (place >= 0) box.style.setProperty("--colour", colour(place));
  const cells = Object.entries(columns).map(([name, column]) => {
    if (name === "name") return h("td", { class: "text name", title: row.name }, h("a", { href: `#run/${row.id}` }, row.name));
    return h("td", { class: `${column.text ? "text" : ""} ${name === "state" ? `state-${row.state}` : ""}` }, column.write ? column.write(row) : written(column.value(row)));
  });
  return h("tr", {}, h("td", {}, box), cells);
}

function select(id) {
  state.chosen = true;
  state.selected = state.selected.includes(id) ? state.selected.filter((each) => each !== id) : [...state.selected, id].slice(-MOST);
  soon();
}

// Curves -------------------------------------------------------------------------------------------------------

function options() {
  const form = $("#curve-controls");
  return { x: form.x.value, smooth: +form.smooth.value, logx: form.logx.checked, logy: form.logy.checked };
}

function drawCharts() {
  charts ??= new Charts($("#charts"));
  const chosen = state.selected.filter((id) => curves.has(id) && runs.has(id)), together = $("#curve-controls").lines.value === "group";
  const groups = new Map();
  for (const id of chosen) {
    const key = together ? runs.get(id).group : id;
    const group = groups.get(key) ?? { name: runs.get(id).name, colour: colour(state.selected.indexOf(id)), curves: [] };
    group.curves.push(curves.get(id));
    groups.set(key, group);
  }
  charts.draw([...groups.values()].map((group) => (group.curves.length > 1 ? { ...group, name: `${group.curves.length} seeds of ${group.name}` } : group)), options());
}

// Views --------------------------------------------------------------------------------------------------------

function route() {
  const [name, ...rest] = location.hash.slice(1).split("/");
  const view = VIEWS[name] ? name : "runs";
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== view;
  for (const link of document.querySelectorAll("nav a")) link.getAttribute("href") === `#${view}` ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
  ownCharts = null;
  route.again = null;
  VIEWS[view](rest.join("/"));
  if (view === "draw") route.again = VIEWS.draw;
}

function showRuns() {
  const first = state.ids.length ? runs.get(state.ids[0])?.path.replace(/\/[^/]*$/, "") : "";
  say(first && first !== "runs" ? `handgrad runs --runs_dir ${first}` : "handgrad runs");
  listen(state.selected);
  soon();
}

const say = (command) => { $("#command").textContent = command; };

async function showRun(id) {
  const place = $("#run");
  listen([id]);
  say("handgrad report RUN");
  let found;
  try { found = await request(`/api/run/${encodeURIComponent(id)}`); } catch (error) { place.replaceChildren(h("h1", {}, "This run is not there"), h("p", { class: "bad" }, error.message)); return; }
  const { facts, metrics } = found, row = runs.get(id) ?? {};
  say(`handgrad report ${found.path}`);
  const numbers = ["test", "validation", "train"].filter((part) => metrics[part]?.accuracy !== undefined && metrics[part]?.accuracy !== null).map((part) => `${part} ${percent(metrics[part].accuracy)} %`);
  const status = h("dd"), buttons = h("p", { class: "controls" }), error = h("p", { class: "bad", role: "alert" });
  const act = (label, path) => h("button", { type: "button", onclick: async () => { error.textContent = ""; try { const done = await request(path, { run: id }); say(done.command); } catch (failure) { error.textContent = failure.message; } } }, label);
  const facts_of = [["state", status], ["accuracy", numbers.join(", ") || "not measured yet"], ["made by", h("code", {}, facts.command ?? "unknown")], ["folder", found.path], ["engine", Object.entries(facts.environment ?? {}).filter(([name]) => ["handgrad", "numpy", "numba", "processor"].includes(name)).map(([name, value]) => `${name} ${value}`).join(", ")]];
  if (metrics.warning) facts_of.push(["warning", metrics.warning]);
  const own = h("div", { class: "charts", tabIndex: 0, role: "group", "aria-label": "curves" });
  const report = found.report ? h("iframe", { src: `/run/${id}/report`, title: `report of ${found.name}`, sandbox: "allow-popups" }) : h("p", { class: "hint" }, "There is no report of it yet: figures, sample images, mistakes and equations are in it. Once it is written, open this page anew.");
  place.replaceChildren(h("h1", {}, found.name), ...found.damage.map((text) => h("p", { class: "bad" }, text)), h("dl", {}, facts_of.flatMap(([name, value]) => [h("dt", {}, name), value === status ? status : h("dd", {}, value)])), buttons, error, own, h("h2", {}, "Report"), report, h("details", {}, h("summary", {}, "log"), h("pre", {}, found.log.join("\n"))));
  const drawing = new Charts(own);
  const refresh = () => {
    const now = runs.get(id) ?? row;
    if (status.textContent !== now.state) {
      status.replaceChildren(h("span", { class: `state-${now.state}` }, now.state ?? "gone"));
      const can = { running: [["Stop, as Ctrl-C does", "/api/stop"]], "to resume": [["Resume", "/api/resume"]], interrupted: [["Resume", "/api/resume"]], "time limit": [["Resume", "/api/resume"]] }[now.state] ?? [];
      buttons.replaceChildren(...can.map(([label, path]) => act(label, path)), ...(now.state === "running" ? [] : [act(found.report ? "Write the report anew" : "Write the report", "/api/report")]));
    }
    if (curves.has(id)) drawing.draw([{ name: found.name, colour: colour(0), curves: [curves.get(id)] }], options());
  };
  ownCharts = refresh;
  refresh();
}

async function showComparison(ids) {
  const place = $("#comparison");
  place.replaceChildren(h("h1", {}, "Comparison"), h("p", { class: "hint", role: "status" }, "evaluating the runs on their test images … (some seconds for the first time)"));
  say("handgrad compare RUN RUN …");
  let found;
  try { found = await request("/api/compare", { runs: ids.split(",") }); } catch (error) { place.replaceChildren(h("h1", {}, "Comparison"), h("p", { class: "bad" }, error.message)); return; }
  say(found.command);
  const letters = found.members.map(([letter, path]) => h("li", {}, h("b", {}, letter), ` ${path}`));
  const pairs = found.pairs.map((pair) => h("div", { class: "pair" }, h("p", {}, h("b", {}, `${pair.title}: `), h("b", { class: pair.controlled ? "good" : "warn" }, pair.verdict)), pair.lines.map((line) => h("p", {}, line))));
  const missing = found.missing.length ? [h("h2", {}, "Controlled runs that are missing"), h("pre", {}, found.missing.join("\n"))] : [];
  const notes = found.notes.map((line) => h("p", { class: "warn" }, line));
  const settings = found.settings.rows.length ? [h("h2", {}, "What differs"), table(found.settings.columns, found.settings.rows)] : [];
  place.replaceChildren(h("h1", {}, "Comparison"), h("ul", {}, letters), ...notes, table(found.results.columns, found.results.rows), h("h2", {}, found.pairs.length ? "What the differences tell" : "The runs differ in their seed at most"), ...pairs, ...settings, ...missing);
}

// Start --------------------------------------------------------------------------------------------------------

if (location.search) history.replaceState(null, "", location.pathname + location.hash); // the cookie has the token by now
for (const form of document.querySelectorAll("form")) form.addEventListener("submit", (event) => event.preventDefault());
$("#curve-controls").addEventListener("input", soon);
$("#table-controls").addEventListener("input", () => { state.many = ROWS; soon(); });
$("#compare").addEventListener("click", () => { location.hash = `comparison/${state.selected.join()}`; });
$("#none").addEventListener("click", () => { state.chosen = true; state.selected = []; soon(); });
dark.addEventListener("change", soon);
addEventListener("hashchange", () => { route(); $("#main").focus({ preventScroll: true }); });
listen([]);
route();
