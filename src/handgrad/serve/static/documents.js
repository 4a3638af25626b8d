// A class: a row a student, and the page of each. Reports: hand-ins and the reports of experiments, opened in place.
import { $, h, request, written } from "./common.js";
import { perform } from "./jobs.js";
import { drawRows, matches, wordsOf } from "./rows.js";

const students = new Map(), results = { version: -1, folder: "checks", others: [], order: { sort: "student", falling: false } };
const reports = { order: { sort: "written", falling: true } };
let timer = null;

const verdict = (text) => h("span", { class: { right: "good", wrong: "bad", damaged: "bad" }[text] ?? "warn" }, text);
const when = (seconds) => (seconds ? new Date(1000 * seconds).toLocaleString([], { dateStyle: "short", timeStyle: "short" }) : "not yet");
const frame = (source, title) => h("iframe", { src: source, title, sandbox: "allow-popups" });
const facts = (pairs) => h("dl", {}, pairs.filter(([, value]) => value !== "" && value !== undefined).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
const scrolled = (name, table) => h("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": name }, table);

// A class ------------------------------------------------------------------------------------------------------

const COLUMNS = {
  student: { label: "student", text: true, style: "name", value: (row) => row.student, cell: (row) => (row.page ? h("a", { href: `#class/${row.id}` }, row.student) : row.student) },
  verdict: { label: "verdict", text: true, value: (row) => row.verdict, cell: (row) => verdict(row.verdict) },
  faults: { label: "faults", value: (row) => row.faults }, right: { label: "right", value: (row) => row.right },
  first: { label: "first in", text: true, value: (row) => row.first }, mistake: { label: "mistake", text: true, value: (row) => row.mistake }, match: { label: "match", value: (row) => row.match },
  words: { label: "what was found first", text: true, style: "why", value: (row) => row.words },
  contract: { label: "contract", text: true, value: (row) => row.contract }, seconds: { label: "seconds", value: (row) => (row.seconds === undefined ? null : +row.seconds) },
};
const searched = { texts: (row) => Object.keys(COLUMNS).map((name) => written(row[name])), value: (row, name) => (name === "seconds" ? COLUMNS.seconds.value(row) : row[name]) };

export async function showClass(id, say) {
  const place = $("#class");
  clearTimeout(timer);
  await follow();
  say(`handgrad verify --class HAND_INS --out ${results.folder}`);
  if (id) return showStudent(place, id, say);
  const search = h("input", { type: "search", size: 26, placeholder: "verdict=wrong  faults>1", oninput: draw }), count = h("span", { role: "status" });
  results.parts = { note: h("p", { class: "hint", role: "status" }), table: h("table"), search, count };
  place.replaceChildren(h("h1", {}, "Class"), results.parts.note, h("form", { class: "controls", role: "search", onsubmit: (event) => event.preventDefault() }, h("label", {}, "search ", search), count), scrolled("table of the class", results.parts.table));
  draw();
}

/** What is new, every two seconds while the page is looked at. */
async function follow() {
  const found = await request(`/api/class?since=${Math.max(0, results.version)}`).catch((error) => ({ error: error.message }));
  if (found.error) results.error = found.error;
  else {
    const changed = found.version !== results.version;
    Object.assign(results, { error: "", version: found.version, folder: found.folder, others: found.others });
    for (const row of found.rows) students.set(row.id, row);
    for (const id of students.keys()) if (!found.ids.includes(id)) students.delete(id);
    if (changed && results.parts?.table.isConnected) draw();
  }
  timer = setTimeout(() => { if (!$("#class").hidden) follow(); }, 2000);
}

function draw() {
  const { note, table, search, count } = results.parts, rows = [...students.values()], words = wordsOf(search);
  const others = results.others.length ? ` Not results: ${results.others.join(", ")}.` : "";
  note.replaceChildren(...(results.error ? [results.error] : rows.length ? [`${rows.length} results in the folder ${results.folder}, which `, h("code", {}, `handgrad verify --class HAND_INS --out ${results.folder}`), ` writes, with the same table as class.csv.${others}`] : [`There are no results in the folder ${results.folder}. Check a class: `, h("code", {}, `handgrad verify --class HAND_INS --out ${results.folder}`), "; or look elsewhere: ", h("code", {}, "handgrad serve --checks_dir DIR"), others]));
  const kept = rows.filter((row) => matches(row, words, searched));
  table.hidden = !rows.length;
  drawRows(table, COLUMNS, kept, results.order, { again: draw });
  const wrong = rows.filter((row) => row.verdict === "wrong").length;
  count.textContent = rows.length ? `${kept.length === rows.length ? rows.length : `${kept.length} of ${rows.length}`} students, ${wrong} with something wrong` : "";
}

function showStudent(place, id, say) {
  const row = students.get(id);
  place.replaceChildren(h("p", {}, h("a", { href: "#class" }, "← the class")), ...(row ? [h("h1", {}, row.student), facts([["verdict", verdict(row.verdict)], ["faults", written(row.faults)], ["first", [row.first, row.mistake].filter(Boolean).join(": ")], ["what was found", row.words]]), row.page ? frame(`/class/${id}/page`, `check of ${row.student}`) : h("p", { class: "hint" }, "There is no page of this student.")] : [h("h1", {}, "This student is not there")]));
  if (row) say(`handgrad verify HAND_INS/${row.student} --html check.html`);
}

// Reports ------------------------------------------------------------------------------------------------------

const LISTED = {
  name: { label: "name", text: true, style: "name", value: (row) => row.name, cell: (row) => h("a", { href: `#reports/${row.id}` }, row.name) },
  type: { label: "what it is", text: true, value: (row) => row.type },
  title: { label: "title", text: true, style: "why", value: (row) => row.title || row.damage },
  written: { label: "written", value: (row) => row.written, cell: (row) => when(row.written) },
  command: { label: "as a command", text: true, value: (row) => row.command, cell: (row) => h("code", {}, row.command) },
};

export async function showReports(id, say) {
  const place = $("#reports");
  let found;
  try { found = await request("/api/reports"); } catch (error) { place.replaceChildren(h("h1", {}, "Reports"), h("p", { class: "bad" }, error.message)); return; }
  if (id) return showReport(place, found.rows.find((row) => row.id === id), say);
  say("handgrad report RUN [RUN …]");
  const table = h("table", { hidden: !found.rows.length }), again = () => drawRows(table, LISTED, found.rows, reports.order, { again });
  place.replaceChildren(h("h1", {}, "Reports"), h("p", { class: "hint" }, `Hand-ins and reports in the folder ${found.folder}: ${found.places.join(", ")}. ${found.rows.length ? "" : "There are none yet. "}The reports of runs and sweeps are on their pages. Begin a hand-in: `, h("code", {}, "handgrad report RUN RUN --init hand-in")), scrolled("table of reports", table));
  again();
}

function showReport(place, row, say) {
  const back = h("p", {}, h("a", { href: "#reports" }, "← all reports"));
  if (!row) { place.replaceChildren(back, h("h1", {}, "This report is not there")); return; }
  say(row.command);
  const parts = { say, note: h("div", { role: "status" }), error: h("p", { class: "bad", role: "alert" }) };
  const act = (label, path, how) => h("button", { type: "button", onclick: () => perform(path, { report: row.id }, parts, how) }, label);
  const buttons = row.type === "hand-in" ? [h("p", { class: "controls" }, act(row.written ? "Write the report anew" : "Write the report", "/api/hand-in/report", { ended: () => { if (location.hash === `#reports/${row.id}`) showReports(row.id, say); } }), act("Check its numbers and claims", "/api/hand-in/check", { all: true }))] : [];
  place.replaceChildren(back, h("h1", {}, row.title || row.name), facts([["what it is", row.type], ["file", row.path], ["written", when(row.written)], ["as a command", h("code", {}, row.command)]]), ...(row.damage ? [h("p", { class: "bad" }, row.damage)] : []), ...buttons, parts.error, parts.note, row.written ? frame(`/report/${row.id}`, row.title || row.name) : h("p", { class: "hint" }, "There is no report.html yet; a hand-in may be written in other formats, which its YAML file lists."));
}
