// A training from a form, which the table of settings has made; what was started, and what it prints.
import { $, h, request, written } from "./common.js";

const TITLES = { preset: "Preset", data: "Data", network: "Network", training: "Training", optimizer: "Optimizer", schedule: "Schedule", run: "Run" };
// Where the table's words are about files and flags.
const HELP = { dataset: "of those on this machine", model: "mlp: dense layers; cnn: two convolutions; the others by their papers, or of scikit-learn" };
let made = false, timer = null;

function control(field) {
  const id = `field-${field.name}`, usual = written(field.default);
  const input = field.choices
    ? h("select", { id, name: field.name }, h("option", { value: "" }, `${usual || "none"} (usual)`), field.choices.filter((each) => each !== usual).map((each) => h("option", { value: each }, each)))
    : h("input", { id, name: field.name, placeholder: usual, autocomplete: "off" });
  return h("label", { for: id }, field.name, input, h("small", {}, HELP[field.name] ?? field.help));
}

async function make() {
  const { fields } = await request("/api/form"), groups = new Map();
  fields.push({ name: "seeds", group: "first", help: "train with this many random seeds, one after the other", default: 1, choices: null });
  for (const field of fields) groups.set(field.group, [...(groups.get(field.group) ?? []), field]);
  const place = $("#fields");
  for (const [group, members] of groups) {
    const inner = h("div", { class: "fields" }, members.map(control));
    place.append(group === "first" ? inner : h("details", {}, h("summary", {}, TITLES[group] ?? group), inner));
  }
  $("#form-note").textContent = "What is left empty has its usual value.";
}

function settings() {
  const given = [...new FormData($("#training"))].filter(([, value]) => value !== "" && value !== "none");
  return Object.fromEntries(given);
}

async function send(path, say) {
  $("#train-error").textContent = "";
  try {
    const found = await request(path, { settings: settings() });
    say(found.command ?? ["handgrad", ...found.words].join(" "));
    if (path === "/api/train") follow();
  } catch (error) { $("#train-error").textContent = error.message; }
}

/** What the commands print, until all have ended. */
async function follow() {
  clearTimeout(timer);
  const { jobs } = await request("/api/commands").catch(() => ({ jobs: [] }));
  if (jobs.length) $("#jobs").replaceChildren(...jobs.reverse().map((job) => h("div", {}, h("p", {}, h("code", {}, job.command), job.code === null ? " runs" : job.code === 0 ? " is finished" : ` ended with code ${job.code}`), h("pre", {}, job.output.join("\n") || "…"))));
  if (jobs.some((job) => job.code === null) && !$("#train").hidden) timer = setTimeout(follow, 1000);
}

/** The view. */
export async function showTrain(say) {
  say("handgrad train --help all");
  follow();
  if (made) return;
  made = true;
  $("#training").addEventListener("submit", () => send("/api/train", say));
  $("#preview").addEventListener("click", () => send("/api/plan", say));
  await make().catch((error) => { $("#train-error").textContent = error.message; made = false; });
}
