// Sweeps: a table of them; the trials of one as they end, through all parameters at once and in a table; what they tell.
import { $, h, percent, request, short, table, written } from "./common.js";
import { perform } from "./jobs.js";
import { Parallel, axisOf } from "./parallel.js";
import { drawRows, matches, wordsOf } from "./rows.js";

const sweeps = new Map(), estimates = new Map(); // by identifier
const list = { folder: "sweeps", order: { sort: "began", falling: true } };
let shown = null, waiting = null;

export const SWEEP_EVENTS = {
  sweeps({ ids, rows, folder }) {
    list.folder = folder;
    list.known = true;
    for (const row of rows) sweeps.set(row.id, row);
    for (const id of sweeps.keys()) if (!ids.includes(id)) sweeps.delete(id);
    soon();
  },
  trials({ sweep, whole, rows, damage }) {
    if (shown?.id !== sweep) return;
    if (whole) shown.rows.clear();
    for (const row of rows) shown.rows.set(row.number, row);
    shown.damage = damage;
    shown.changed = true;
    soon();
  },
};

/** Draw once for all that arrives together. */
function soon() {
  waiting ??= requestAnimationFrame(() => { waiting = null; if (!$("#sweeps").hidden) drawList(); else if (!$("#sweep").hidden) drawSweep(); });
}

const isShare = (row) => !row.program && row.metric?.name.endsWith("accuracy");
const result = (row, value) => (value === null || value === undefined ? "" : isShare(row) ? `${percent(value)} %` : short(value));
const stateOf = (text) => h("span", { class: `state-${text}` }, text);
const when = (seconds) => (seconds ? new Date(1000 * seconds).toLocaleString([], { dateStyle: "short", timeStyle: "short" }) : "");

// The table of sweeps ------------------------------------------------------------------------------------------

const LISTED = {
  name: { label: "sweep", text: true, style: "name", value: (row) => row.name, cell: (row) => h("a", { href: `#sweep/${row.id}` }, row.name) },
  state: { label: "state", text: true, value: (row) => row.state, cell: (row) => stateOf(row.state) },
  method: { label: "method", text: true, value: (row) => row.method },
  ended: { label: "trials", value: (row) => row.ended, cell: (row) => (row.ended === undefined ? "" : `${row.ended} of ${row.wanted ?? "any number"}`) },
  best: { label: "best", value: (row) => row.best?.objective, cell: (row) => (row.best ? result(row, row.best.objective) : "") },
  metric: { label: "metric", text: true, value: (row) => row.metric?.name, cell: (row) => (row.metric ? `${row.metric.name}, ${row.metric.goal}${row.metric.goal === "target" ? ` ${row.metric.target}` : ""}` : "") },
  runs: { label: "runs", text: true, value: (row) => row.program ?? "", cell: (row) => (row.state === "damaged" ? "" : row.program ?? "handgrad") },
  began: { label: "begun", value: (row) => row.began, cell: (row) => when(row.began) },
};

export function showSweeps(_, say, listen) {
  shown = null;
  say("handgrad sweep --help");
  listen("");
  const place = $("#sweeps");
  if (!place.children.length) place.append(h("h1", {}, "Sweeps"), h("p", { class: "hint", role: "status", id: "sweeps-note" }), h("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": "table of sweeps" }, h("table", { id: "sweeps-table" })));
  drawList();
}

function drawList() {
  const rows = [...sweeps.values()];
  $("#sweeps-note").replaceChildren(...(!list.known ? ["looking …"] : rows.length ? [`${rows.length} in the folder ${list.folder}. Another folder: `, h("code", {}, "handgrad serve --sweeps_dir DIR")] : [`There are no sweeps in the folder ${list.folder} yet. Start one: `, h("code", {}, "handgrad sweep da6401"), "; or look elsewhere: ", h("code", {}, "handgrad serve --sweeps_dir DIR")]));
  $("#sweeps-table").hidden = !rows.length;
  drawRows($("#sweeps-table"), LISTED, rows, list.order, { again: drawList });
}

// One sweep ----------------------------------------------------------------------------------------------------

export function showSweep(id, say, listen) {
  const place = $("#sweep");
  if (shown?.id !== id) {
    shown = { id, rows: new Map(), damage: "", order: { sort: "number", falling: true }, say };
    shown.parts = skeleton();
    place.replaceChildren(...shown.parts.all);
  }
  listen(id);
  shown.say = say;
  drawSweep();
}

/** The parts of the page, filled as things arrive. */
function skeleton() {
  const part = (tag, properties = {}) => h(tag, properties);
  const parts = {
    title: part("h1"), facts: part("dl"), damage: part("p", { class: "bad", role: "alert" }), stops: part("p"), error: part("p", { class: "bad", role: "alert" }), note: part("p", { class: "hint", role: "status" }),
    buttons: part("p", { class: "controls" }), lines: part("div"), best: part("div"), importance: part("div"), rest: part("div"), report: part("div"), table: part("table"), count: part("span", { role: "status" }),
    search: h("input", { type: "search", size: 26, placeholder: "state=stopped  epochs>2", oninput: soonTable }),
  };
  parts.clear = h("button", { type: "button", disabled: true, onclick: () => shown.parallel.clear() }, "Take the brushes away");
  const hint = h("p", { class: "hint" }, "Each line is a trial; the darker, the better (the brighter, on a dark page); red ones have no result. Drag along an axis to brush it, click it to take the brush away. By keyboard: Tab to an axis; ↑ ↓ move the upper end of its brush, with Shift the lower one; Escape takes it away.");
  const controls = h("form", { class: "controls", role: "search", onsubmit: (event) => event.preventDefault() }, h("label", {}, "search ", parts.search), parts.clear, parts.count);
  const trials = h("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": "table of trials" }, parts.table);
  parts.all = [parts.title, parts.damage, parts.facts, parts.buttons, parts.error, parts.note, h("h2", {}, "Parallel coordinates"), hint, parts.lines, h("div", { class: "columns" }, parts.best, parts.importance), h("h2", {}, "Trials"), parts.stops, controls, trials, parts.rest, h("h2", {}, "Report"), parts.report];
  return parts;
}

function drawSweep() {
  const row = shown && sweeps.get(shown.id), { parts } = shown ?? {};
  if (!row) {
    if (shown && list.known) { parts.title.textContent = "This sweep is not there"; parts.damage.textContent = "Its folder may have been deleted."; }
    return;
  }
  const damage = [row.damage, shown.damage].filter(Boolean).join(" ");
  if (parts.damage.textContent !== damage) parts.damage.textContent = damage;
  parts.title.textContent = row.name;
  if (row.state === "damaged") return;
  drawFacts(row, parts);
  if (shown.changed) { shown.changed = false; drawTrials(row); }
  const known = estimates.get(row.id), ended = [...shown.rows.values()].filter((trial) => trial.objective !== null).length;
  const behind = known?.ended < row.ended && row.state !== "running" && shown.tried !== row.ended;
  if (behind) shown.tried = row.ended; // once, whatever comes of it
  if (ended && (!known || behind)) estimate(row, behind);
  else if (known && shown.estimated !== known) drawEstimates(row, known);
}

function drawFacts(row, parts) {
  const text = JSON.stringify(row);
  if (shown.facts === text) return;
  shown.facts = text;
  shown.changed = true;
  const states = Object.entries(row.states).map(([state, count]) => `${count} ${state === "running" && row.state !== "running" ? "cut off" : state}`).join(", ");
  const facts = [["state", stateOf(row.state)], ["trials", `${row.ended} of ${row.wanted ?? "any number"} are done${states ? `: ${states}` : ""}`], ["search", `${row.method}, for ${row.metric.goal === "target" ? `${row.metric.name} near ${row.metric.target}` : `the ${row.metric.goal === "maximize" ? "largest" : "least"} ${row.metric.name}`}`], ["runs", row.program ?? "handgrad's own training"], ["folder", row.path]];
  if (row.storage) facts.push(["trials are kept in", row.storage]);
  if (row.early) facts.push(["early stops", `Hyperband: ${Object.entries(row.early).filter(([name]) => name !== "type").map(([name, value]) => `${name} ${value}`).join(", ")}`]);
  parts.facts.replaceChildren(...facts.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
  shown.say(`handgrad sweep report ${row.path}`);
  drawButtons(row, parts);
  parts.report.replaceChildren(row.report ? h("iframe", { src: `/sweep/${row.id}/report`, title: `report of ${row.name}`, sandbox: "allow-popups" }) : h("p", { class: "hint" }, "There is no report yet. It is written at the end of a sweep, or by the button above."));
}

function drawButtons(row, parts) {
  const act = (label, path, fields = () => ({})) => h("button", { type: "button", onclick: () => perform(path, { sweep: row.id, ...fields() }, { ...parts, say: shown.say }) }, label);
  const own = h("span", {}, h("code", {}, row.resume));
  if (row.state === "running") parts.buttons.replaceChildren(...(row.storage?.startsWith("postgres") ? ["Several processes may drive it: press Ctrl-C where each was started."] : [act("Pause, as Ctrl-C does", "/api/sweep/pause"), " Trials save their checkpoints, and go on from there."]));
  else if (row.function) parts.buttons.replaceChildren("Its program runs it by itself. Go on with: ", own);
  else {
    const inputs = ["trials", "jobs", "hours"].map((name) => h("input", { name, inputMode: "decimal", placeholder: { trials: row.wanted ?? "no end", jobs: "one a core", hours: "no end" }[name], autocomplete: "off", "aria-label": `--${name}` }));
    inputs.forEach((input) => input.setAttribute("inputmode", "decimal"));
    const fields = () => Object.fromEntries(inputs.map((input) => [input.name, input.value]));
    parts.buttons.replaceChildren(act(row.state === "finished" ? "Go on with more trials" : "Go on", "/api/sweep/resume", fields), ...inputs.map((input) => h("label", {}, `${input.name} `, input)), own);
  }
  if (row.state !== "running") parts.buttons.append(act(row.report ? "Write the report anew" : "Write the report", "/api/sweep/report"));
}

// Trials -------------------------------------------------------------------------------------------------------

const valueOf = (trial, name) => (name === " result" ? trial.objective : trial.values[name]);

function drawTrials(row) {
  const trials = [...shown.rows.values()], { parts } = shown, names = Object.keys(trials[0]?.values ?? {});
  const good = { maximize: (value) => value, minimize: (value) => -value, target: (value) => -Math.abs(value - row.metric.target) }[row.metric.goal];
  const rated = trials.filter((trial) => trial.objective !== null && ["finished", "stopped"].includes(trial.state)).sort((one, other) => good(one.objective) - good(other.objective) || other.number - one.number);
  for (const trial of trials) trial.shade = null;
  rated.forEach((trial, rank) => { trial.shade = rated.length > 1 ? rank / (rated.length - 1) : 1; });
  const lines = trials.filter((trial) => trial.shade !== null || trial.state === "failed" || trial.state === "lost");
  if (lines.length && names.length) {
    if (!shown.parallel) { parts.lines.replaceChildren(); shown.parallel = new Parallel(parts.lines, soonTable); }
    const axes = names.map((name) => axisOf(name, lines.map((trial) => trial.values[name]), row.parameters[name]));
    if (rated.length) axes.push({ ...axisOf(" result", rated.map((trial) => trial.objective), {}, { maximize: "low", minimize: "high" }[row.metric.goal]), title: row.metric.name });
    shown.parallel.draw(axes, lines, valueOf);
  } else if (!shown.parallel) parts.lines.replaceChildren(h("p", { class: "hint" }, "No trial has ended yet."));
  const stopped = trials.filter((trial) => trial.state === "stopped"), rungs = new Map();
  for (const trial of stopped) rungs.set(trial.rung ?? trial.epochs, (rungs.get(trial.rung ?? trial.epochs) ?? 0) + 1);
  const filter = h("button", { type: "button", onclick: () => { parts.search.value = "state=stopped"; drawTable(); } }, "Show them");
  parts.stops.replaceChildren(...(stopped.length ? [`${stopped.length} of ${trials.length} were stopped early: ${[...rungs].sort(([a], [b]) => a - b).map(([rung, count]) => `${count} after epoch ${rung}`).join(", ")}; the reason of each is in the table. `, filter] : row.early ? ["No trial was stopped early so far."] : ["The sweep stops no trial early."]));
  drawTable();
}

let tableWaits = null;
function soonTable() { tableWaits ??= requestAnimationFrame(() => { tableWaits = null; drawTable(); }); }

function drawTable() {
  const row = shown && sweeps.get(shown.id);
  if (!row?.metric) return;
  const { parts, parallel } = shown, trials = [...shown.rows.values()], words = wordsOf(parts.search), unit = isShare(row) ? 100 : 1;
  const state = (trial) => (trial.state === "running" && row.state !== "running" ? "cut off" : trial.state);
  const own = { number: (trial) => trial.number, state, [row.metric.name]: (trial) => trial.objective, why: (trial) => trial.why, epochs: (trial) => trial.epochs, seconds: (trial) => trial.seconds, seed: (trial) => trial.seed };
  const searched = {
    texts: (trial) => [trial.run, state(trial), trial.why, ...Object.entries(trial.values).map(([name, value]) => `${name}=${written(value)}`)],
    value: (trial, name) => { const value = name in trial.values ? trial.values[name] : own[name]?.(trial); return name === row.metric.name && value !== null ? unit * value : value; },
  };
  const brushed = parallel?.brushes.size ?? 0;
  const kept = trials.filter((trial) => (!brushed || parallel.passes(trial)) && matches(trial, words, searched));
  const columns = {
    number: { label: "trial", value: own.number, cell: (trial) => h("a", { href: `#trial/${row.id}/${trial.number}`, "data-focus": `trial ${trial.number}` }, String(trial.number)) },
    state: { label: "state", text: true, value: state, cell: (trial) => stateOf(state(trial)) },
    result: { label: row.metric.name, value: own[row.metric.name], cell: (trial) => result(row, trial.objective) },
    ...Object.fromEntries(Object.keys(trials[0]?.values ?? {}).map((name) => [`: ${name}`, { label: name, value: (trial) => trial.values[name], cell: (trial) => (typeof trial.values[name] === "number" ? short(trial.values[name]) : written(trial.values[name])) }])),
    epochs: { label: "epochs done", value: own.epochs }, seconds: { label: "seconds", value: own.seconds, cell: (trial) => (trial.seconds ? trial.seconds.toFixed(1) : "") },
    why: { label: "why it ended", text: true, style: "why", value: own.why },
  };
  if (!columns[shown.order.sort]) shown.order.sort = "number";
  drawRows(parts.table, columns, kept, shown.order, { most: 50, again: drawTable });
  parts.clear.disabled = !brushed;
  parts.count.textContent = `${kept.length === trials.length ? trials.length : `${kept.length} of ${trials.length}`} trials${brushed ? `: ${parallel.words}` : ""}`;
}

// What they tell -----------------------------------------------------------------------------------------------

async function estimate(row, anew = false) {
  if (shown.estimating) return;
  shown.estimating = true;
  const { id, parts } = shown;
  parts.best.replaceChildren(h("h2", {}, "The best"), h("p", { class: "hint", role: "status" }, "estimating from the trials so far … (some seconds; of thousands of trials, minutes)"));
  try { estimates.set(id, await request("/api/sweep/analyse", { sweep: id, new: anew })); } catch (failure) { estimates.set(id, { failed: failure.message }); }
  if (shown?.id !== id) return;
  shown.estimating = false;
  drawEstimates(row, estimates.get(id));
}

function drawEstimates(row, found) {
  const { parts } = shown;
  shown.estimated = found;
  const anew = h("button", { type: "button", onclick: () => estimate(row, true) }, "Estimate anew");
  if (found.failed) { parts.best.replaceChildren(h("h2", {}, "The best"), h("p", { class: "bad" }, found.failed), anew); return; }
  const best = found.recommendation, notes = [...found.analysis_notes, ...found.notes];
  parts.best.replaceChildren(h("h2", {}, "The best"), h("p", { class: "hint" }, `Estimated when ${found.standing}. `, anew), ...(best ? [h("p", {}, h("b", {}, best.values)), h("p", {}, `To expect of another run: ${best.expected} (95 % interval); chosen among ${best.among}. ${best.words}`), ...best.open.map((text) => h("p", {}, text)), h("pre", {}, best.command)] : [h("p", {}, "No trial has a result yet.")]), ...found.sure.map((text) => h("p", {}, text)), ...(row.program ? [] : [h("p", { class: "hint" }, "Its test accuracy, to be looked at once: ", h("code", {}, `handgrad sweep test ${row.path}`))]));
  parts.importance.replaceChildren(h("h2", {}, "Importances"), ...(found.importances ? [extents(found.importances), h("p", { class: "hint" }, `${found.importances.title}. ${found.importances.caption}`)] : [h("p", { class: "hint" }, notes.find((text) => text.includes("importances")) ?? "There are too few trials to estimate how important the parameters are.")]));
  const observed = found.observations.map(([text, clear]) => h("li", { class: clear ? "" : "hint" }, text));
  parts.rest.replaceChildren(...(found.leaderboard ? [h("h2", {}, "Leaderboard"), table(found.leaderboard.columns, found.leaderboard.rows), h("p", { class: "hint" }, found.leaderboard.caption)] : []), ...(observed.length ? [h("h2", {}, "Observed"), h("ul", {}, observed)] : []), ...(notes.length ? [h("h2", {}, "Notes"), h("ul", {}, notes.map((text) => h("li", {}, text)))] : []), h("p", { class: "hint" }, `${found.searched} As a command: `, h("code", {}, found.command)));
}

/** Estimates in per cent with their intervals, one below the other. */
function extents({ rows }) {
  const place = h("div", { class: "estimates" });
  let last = "";
  for (const [group, label, mean, low, high] of rows) {
    if (group !== last) place.append(h("h3", {}, group));
    last = group;
    const reach = h("i"), middle = h("b");
    Object.assign(reach.style, { left: `${low}%`, width: `${high - low}%` });
    middle.style.left = `${mean}%`;
    place.append(h("span", {}, label), h("span", { class: "extent", "aria-hidden": "true" }, reach, middle), h("span", {}, `${mean.toFixed(0)} % (${low.toFixed(0)} to ${high.toFixed(0)})`));
  }
  return place;
}

// One trial ----------------------------------------------------------------------------------------------------

export async function showTrial(rest, say, listen) {
  const [sweep, number] = rest.split("/"), place = $("#trial");
  listen(sweep);
  let found;
  try { found = await request(`/api/trial/${encodeURIComponent(sweep)}/${encodeURIComponent(number)}`); } catch (error) { place.replaceChildren(h("h1", {}, "This trial is not there"), h("p", { class: "bad" }, error.message)); return; }
  if (found.command) say(found.command);
  const facts = [["state", stateOf(found.state)], ["why", found.why], [found.metric, found.objective], ["settings", Object.entries(found.values).map(([name, value]) => `${name} ${written(value)}`).join(", ")], ["seed", `${found.seed}`], ["seconds", found.seconds.toFixed(1)], ["folder", found.path], ["as a command", found.command && h("code", {}, found.command)]];
  const link = found.own && found.path ? [h("p", {}, h("a", { href: `#run/${found.id}` }, "Its run: curves, log, report"))] : [];
  const output = found.own ? [] : [h("h2", {}, "What its program printed"), h("pre", {}, found.output.join("\n") || "nothing")];
  place.replaceChildren(h("p", {}, h("a", { href: `#sweep/${sweep}` }, `← ${found.sweep}`)), h("h1", {}, `Trial ${found.number}: ${found.run}`), h("dl", {}, facts.filter(([, value]) => value !== null && value !== undefined && value !== "").flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])), ...link, h("h2", {}, `${found.metric} after each epoch`), course(found), ...output);
}

/** The metric by epoch, and the value that it was stopped at. */
function course({ epochs, stop, metric }) {
  const known = epochs.filter(([, value]) => value !== null);
  if (!known.length) return h("p", { class: "hint" }, "No value was reported.");
  const threshold = stop ? stop[1] : known[0][1], values = [...known.map(([, value]) => value), threshold];
  const [low, high, last] = [Math.min(...values), Math.max(...values), Math.max(known[known.length - 1][0], 2)];
  const x = (epoch) => 60 + (520 * (epoch - 1)) / (last - 1), y = (value) => 180 - 160 * (high > low ? (value - low) / (high - low) : 0.5);
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const add = (tag, attributes, text = "") => { const element = document.createElementNS(svg.namespaceURI, tag); for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value); element.textContent = text; svg.append(element); };
  Object.entries({ viewBox: "0 0 600 210", class: "course", role: "img", "aria-label": `${metric} from ${short(known[0][1])} after epoch ${known[0][0]} to ${short(known[known.length - 1][1])} after epoch ${known[known.length - 1][0]}${stop ? `; stopped, worse than ${short(threshold)}` : ""}` }).forEach(([name, value]) => svg.setAttribute(name, value));
  if (stop) add("line", { x1: 60, x2: 580, y1: y(threshold), y2: y(threshold) });
  add("polyline", { points: known.map(([epoch, value]) => `${x(epoch)},${y(value)}`).join(" ") });
  if (known.length < 60) for (const [epoch, value] of known) add("circle", { cx: x(epoch), cy: y(value), r: 3 });
  for (const value of new Set([low, high])) add("text", { x: 54, y: y(value) + 4, "text-anchor": "end" }, short(value));
  for (const epoch of new Set([known[0][0], known[known.length - 1][0]])) add("text", { x: x(epoch), y: 204, "text-anchor": "middle" }, `epoch ${epoch}`);
  return svg;
}
