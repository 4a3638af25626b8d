// The Play page: a small network on real digits, trained here in the browser, one step or one epoch at a time.
import { $, dark, h, request, short } from "./common.js";
import { Chart, drawDigit, drawOutputs, drawWeights } from "./play_pictures.js";
import { CONTROLS, EXPERIMENTS, USUAL, changed, command, read, readAddress, write } from "./play_settings.js";
import { Training, readImages } from "./play_training.js";

const SLICE = 12, PICTURES = 60, CHARTS = 160, SPOKEN = 5000; // milliseconds: of training in a frame, between drawings
const SPEEDS = { "4 steps a second": 250, "a step a frame": 0, "as fast as it goes": null }; // milliseconds a step
const DIGITS = 14, MOST_MISTAKES = 24;

let images = null, training = null, before = null, built = null, say = null, written = null;
const run = { until: 0, frame: null, next: 0, pictures: 0, charts: 0, dead: 0, spoken: 0, hurried: false };
const view = { chosen: 0, dead: [] };

/** The view. `inline` are the images where the page has them; the server is asked for them otherwise. */
export async function showPlay(address, sayCommand, inline = null) {
  say = sayCommand;
  built ??= build(inline === null);
  if (!images) {
    try { images = readImages(inline ?? await request("/api/digits")); } catch (error) { note(error.message, true); return; }
  }
  if (training && (address === "" || address === written)) { refresh(); return; }
  const { settings, steps, problems } = readAddress(address);
  begin(settings, !steps);
  note(problems.length ? `The address has what cannot be: ${problems.join(", ")}. The usual values stand in its place.` : "", problems.length > 0);
  if (steps) go(steps, true);
}

// Training ----------------------------------------------------------------------------------------------------------

function begin(settings, keep = false) {
  pause();
  before = keep && training?.steps ? training.curves : null;
  training = new Training(settings, images);
  view.chosen = Math.min(view.chosen, DIGITS - 1);
  fill();
  layOut();
  refresh();
}

const running = () => run.frame !== null;

/** Train until so many steps are made; `hurried`: as fast as it goes, whatever the speed chosen. */
function go(until, hurried = false) {
  if (training.diverged || until <= training.steps) return;
  Object.assign(run, { until, hurried, next: 0 });
  if (!running()) run.frame = requestAnimationFrame(frame);
  built.go.textContent = "Pause";
}

function pause() {
  if (running()) cancelAnimationFrame(run.frame);
  run.frame = null;
  built.go.textContent = "Train";
}

function frame(now) {
  run.frame = requestAnimationFrame(frame);
  if (built.section.hidden) { stop(); return; }
  const wait = run.hurried ? null : SPEEDS[built.speed.value], end = performance.now() + SLICE;
  if (wait === null) do training.step(); while (performance.now() < end && !finished());
  else if (now >= run.next) {
    training.step();
    run.next = now + wait;
  }
  if (finished()) stop();
  else draw(now);
}

const finished = () => training.diverged || training.steps >= run.until;

function stop() {
  pause();
  if (training.diverged) note(`Diverged: the loss of step ${training.steps} is not finite. Lower the learning rate, and reset.`, true);
  refresh();
}

/** Everything as it stands, and the address and the command of it. */
function refresh() {
  draw(Infinity);
  written = write(training.settings, training.steps);
  if (built.section.hidden) return;
  history.replaceState(null, "", `#play/${written}`);
  say(command(training.settings, training));
}

// Drawing -----------------------------------------------------------------------------------------------------------

/** What is due: pictures often, curves less often, dead units as seldom as they take long. */
function draw(now) {
  if (now >= run.dead) {
    const began = performance.now();
    view.dead = training.deadUnits();
    run.dead = performance.now() + 20 * (performance.now() - began) + 200;
  }
  if (now >= run.pictures) {
    run.pictures = performance.now() + PICTURES;
    drawFigures(now);
    drawNetwork();
    drawPredictions();
  }
  if (now >= run.charts) {
    run.charts = performance.now() + CHARTS;
    drawCharts();
  }
  if (now === Infinity) Object.assign(run, { dead: 0, pictures: 0, charts: 0 });
}

const share = (part) => (Number.isFinite(part) ? `${(100 * part).toFixed(1)} %` : "–"); // – after a divergence

function drawFigures(now) {
  const { steps, epochs, last, validation } = training;
  const texts = [steps, epochs.toFixed(2), last ? last.loss.toFixed(4) : "–", last ? share(last.accuracy) : "–", validation.loss.toFixed(4), share(validation.accuracy)];
  texts.forEach((text, place) => { built.figures[place].textContent = text; });
  const clock = performance.now();
  if (now !== Infinity && clock < run.spoken) return;
  run.spoken = clock + SPOKEN;
  built.live.textContent = last ? `step ${steps}: training loss ${short(last.loss)}, validation loss ${short(validation.loss)}, validation accuracy ${share(validation.accuracy)}` : "";
}

const layerName = (place) => (place === training.network.dense.length - 1 ? "output" : String(place + 1));

function drawCharts() {
  const { curves, network } = training, [loss, accuracy, norms] = built.charts;
  loss.draw(curves, [["loss", "training", 0], ["validationLoss", "validation", 1, true]], before);
  accuracy.draw(curves, [["accuracy", "training", 0], ["validationAccuracy", "validation", 1, true]], before);
  norms.draw(curves, [...network.dense.keys()].map((place) => [place, layerName(place), place]), null);
}

/** The pixels of a validation image, by its place among them. */
const pixels = (place) => images.x.subarray(training.rows.validation[place] * images.inputs, (training.rows.validation[place] + 1) * images.inputs);

function drawNetwork() {
  const { network } = training, { activations, dense, probabilities } = network;
  network.forward(pixels(view.chosen), 1);
  network.loss(pixels(view.chosen), [images.y[training.rows.validation[view.chosen]]], 1);
  const outputs = activations.map(({ y, units }) => y.slice(0, units));
  drawDigit(built.digit, pixels(view.chosen), images.shape);
  built.layers.forEach(({ canvas, caption, across }, place) => {
    const { units } = dense[place], dead = view.dead[place] ?? null, count = dead ? dead.reduce((sum, each) => sum + each, 0) : 0;
    if (place === 0) drawWeights(canvas, dense[0], images.shape, outputs[0] ?? probabilities.slice(0, units), dead, across);
    else drawOutputs(canvas, outputs[place], dead, across);
    const text = dead ? `layer ${place + 1}: ${count} of ${units} dead` : "weights of each class, 0 to 9";
    if (caption.textContent !== text) caption.textContent = text;
    canvas.setAttribute("aria-label", place === 0 ? `weights of ${units} units as pictures, ${count} of them dead` : `outputs of ${units} units for the chosen digit, ${count} of them dead`);
  });
  built.bars.forEach(({ bar, text }, label) => {
    bar.value = network.probabilities[label] || 0;
    text.textContent = share(network.probabilities[label]);
  });
}

/** All validation images go through the network: the first as buttons, and those that it takes for something else. */
function drawPredictions() {
  const { rows, network } = training, found = [];
  training.evaluate(rows.validation, (count, start) => {
    for (let n = 0; n < count; n++) {
      const of = network.probabilities.subarray(n * images.classes, (n + 1) * images.classes), best = Math.max(0, of.indexOf(Math.max(...of)));
      found[start + n] = { best, sure: of[best], label: images.y[rows.validation[start + n]] };
    }
  });
  built.digits.forEach((each, place) => predicted(each, found[place]));
  const wrong = [...found.keys()].filter((place) => found[place].best !== found[place].label).sort((a, b) => found[b].sure - found[a].sure);
  const text = `${wrong.length} of ${found.length} validation images are taken for another digit${wrong.length > MOST_MISTAKES ? `; the surest ${MOST_MISTAKES}:` : wrong.length ? ", the surest first:" : ""}`;
  if (built.wrong.textContent !== text) built.wrong.textContent = text;
  built.mistakes.forEach((each, place) => {
    each.button.hidden = place >= wrong.length;
    if (each.button.hidden) return;
    each.place = wrong[place];
    each.button.setAttribute("aria-pressed", String(each.place === view.chosen));
    predicted(each, found[wrong[place]]);
    drawDigit(each.canvas, pixels(wrong[place]), images.shape);
  });
}

function predicted({ button, text, canvas }, { best, sure, label }) {
  text.textContent = Number.isFinite(sure) ? `${best} ${Math.round(100 * sure)} %` : "–";
  button.classList.toggle("wrong", best !== label);
  canvas.setAttribute("aria-label", `a ${label}, taken for ${best}`);
}

function choose(place) {
  view.chosen = place;
  built.digits.forEach(({ button }, each) => button.setAttribute("aria-pressed", String(each === place)));
  drawPredictions();
  drawNetwork();
}

// The page ----------------------------------------------------------------------------------------------------------

function note(text, bad = false) {
  built.note.textContent = text;
  built.note.className = bad ? "bad" : "hint";
}

const action = (text, onclick, more = {}) => h("button", { type: "button", onclick, ...more }, text);

function thumbnail(onclick) {
  const canvas = h("canvas", { role: "img" }), text = h("span"), each = { canvas, text, place: 0 };
  each.button = action("", () => onclick(each), { class: "digit", "aria-pressed": "false" });
  each.button.append(canvas, text);
  return each;
}

function control(name) {
  const { label, values, write: text = String } = CONTROLS[name], id = `play-${name}`;
  const input = values ? h("select", { id, name }) : h("input", { id, name, inputMode: "numeric", autocomplete: "off" });
  const hint = h("small", { id: `${id}-note` });
  input.setAttribute("aria-describedby", hint.id);
  input.addEventListener("change", () => {
    const value = read(name, input.value);
    if (value === undefined) { note(`${label} must be a whole number from ${CONTROLS[name].low} to ${CONTROLS[name].high}, got ${input.value.slice(0, 40)}`, true); fill(); return; }
    note(name === "optimizer" ? "The learning rate is now the usual one of this optimizer." : "");
    begin(changed(training.settings, name, value), true);
  });
  return { name, input, hint, text, values, element: h("div", { class: "control" }, h("label", { for: id }, label), input, hint) };
}

/** The controls with the training's settings, a value of the address that is not offered among them. */
function fill() {
  const { settings } = training;
  for (const { name, input, hint, text, values } of built.controls) {
    const value = settings[name];
    if (values) {
      const offered = values.includes(value) ? values : [...values, value].sort((a, b) => a - b);
      input.replaceChildren(...offered.map((each) => h("option", { value: String(each) }, text(each))));
    }
    input.value = String(value);
    hint.textContent = CONTROLS[name].note(value, settings);
    input.disabled = settings.num_layers === 0 && ["hidden_size", "activation", "batch_norm", "dropout"].includes(name);
  }
  const shown = EXPERIMENTS.find((each) => write({ ...USUAL, ...each.settings }) === write({ ...settings, seed: 0 }));
  for (const [place, link] of built.experiments.entries()) EXPERIMENTS[place] === shown ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current");
  built.watch.textContent = shown ? `Watch: ${shown.watch}` : "Each one sets what shows an effect, and says what to watch. A change begins the training anew; its old curves stay in grey.";
  const { train, validation } = training.rows;
  built.about.textContent = `${train.length.toLocaleString("en")} digits of 8 × 8 pixels train a network in this browser, ${validation.length} others validate it.`;
}

/** Room for the pictures of the network's layers, as many across as make them about square. */
function layOut() {
  const { dense } = training.network, shown = dense.length > 1 ? dense.slice(0, -1) : dense;
  built.layers = shown.map(({ units }, place) => {
    const across = place ? Math.min(8, units) : units === 10 ? 5 : Math.ceil(Math.sqrt(units * 1.5));
    const canvas = h("canvas", { role: "img", class: place ? "outputs" : units > 16 ? "weights" : "large weights" });
    canvas.style.setProperty("--across", across);
    return { canvas, across, caption: h("figcaption") };
  });
  built.network.replaceChildren(...built.layers.map(({ canvas, caption }) => h("figure", {}, canvas, caption)));
  built.digits.forEach(({ canvas }, place) => drawDigit(canvas, pixels(place), images.shape));
}

function build(served) {
  const figures = ["step", "epoch", "batch loss", "batch accuracy", "validation loss", "validation accuracy"].map((name) => [name, h("dd")]);
  const charts = [new Chart("loss"), new Chart("accuracy %", { unit: 100, end: 100 }), new Chart("gradient norm, layer", { log: true })];
  const bars = [...Array(10).keys()].map((label) => ({ label, bar: h("meter", { max: 1, "aria-label": `probability of ${label}` }), text: h("span", { class: "right" }) }));
  const page = {
    section: $("#play"), charts, bars, figures: figures.map(([, value]) => value), layers: [],
    go: action("Train", () => (running() ? stop() : go(Infinity)), { class: "main" }), speed: h("select", { "aria-label": "speed" }, Object.keys(SPEEDS).map((name) => h("option", {}, name))),
    live: h("p", { class: "sr", role: "status" }), note: h("p", { class: "hint", role: "alert" }), about: h("p", { class: "hint" }, "reading the digits …"), watch: h("p", { class: "hint watch" }),
    digit: h("canvas", { role: "img", "aria-label": "the chosen digit" }), network: h("div", { class: "layers" }), wrong: h("p", { class: "hint wrong" }, " "),
    controls: Object.keys(CONTROLS).map(control),
    experiments: EXPERIMENTS.map(({ name, settings }) => h("a", { href: `#play/${write({ ...USUAL, ...settings })}` }, name)),
    digits: Array.from({ length: DIGITS }, (_, place) => thumbnail(() => choose(place))), mistakes: Array.from({ length: MOST_MISTAKES }, () => thumbnail((each) => choose(each.place))),
  };
  dark.addEventListener("change", () => training && refresh());
  page.speed.value = "as fast as it goes";
  page.digits[0].button.setAttribute("aria-pressed", "true");
  const epoch = () => (Math.floor(training.epochs) + 1) * training.stepsPerEpoch;
  const buttons = [page.go, action("One step", () => { pause(); go(training.steps + 1, true); }), action("One epoch", () => go(epoch())), action("Reset", () => begin(training.settings, true)), page.speed];
  const copy = action("Copy the address", () => navigator.clipboard.writeText(location.href.replace(/\?[^#]*/, "")).then(() => note("The address is copied: it opens this network at this step."), () => note("This browser copies nothing: the address bar has it.")));
  const file = served ? h("a", { href: "/play.html", download: "handgrad-play.html" }, "This page as one file, for a memory stick") : null;
  page.section.replaceChildren(
    h("h1", {}, "Play"), page.about,
    h("nav", { class: "experiments", "aria-label": "experiments" }, page.experiments), page.watch,
    h("div", { class: "player", role: "group", "aria-label": "training" }, h("p", { class: "controls" }, buttons), h("dl", { class: "figures" }, figures.map(([name, value]) => h("div", {}, h("dt", {}, name), value)))),
    page.live, page.note,
    h("div", { class: "playing" },
      h("form", { class: "settings", "aria-label": "settings", onsubmit: (event) => event.preventDefault() }, page.controls.map(({ element }) => element)),
      h("div", { class: "watching" },
        h("div", { class: "charts three" }, charts.map(({ figure }) => figure)),
        h("p", { class: "hint" }, "By step. Solid: training, batch by batch, before each update; dashed: validation. When they part, the network learns what holds for its training images alone. A gradient norm far below that of the next layer means that this layer hardly learns."),
        h("h2", {}, "The network"),
        h("div", { class: "network" }, h("figure", {}, page.digit, h("figcaption", {}, "the chosen digit")), page.network, h("div", { class: "bars" }, bars.flatMap(({ label, bar, text }) => [h("span", {}, String(label)), bar, text]))),
        h("p", { class: "hint" }, "Of the first layer, each unit's weights: blue adds to its input where the digit is bright, red takes away; of deeper layers, the outputs. Bright edges are units that the chosen digit excites. A dead unit, crossed out, passes next to no gradient for any training image."),
        h("h2", {}, "Validation images, and what the network takes them for"), h("div", { class: "digits" }, page.digits.map(({ button }) => button)),
        page.wrong, h("div", { class: "digits mistakes" }, page.mistakes.map(({ button }) => button)),
        h("p", { class: "controls" }, copy, file))),
  );
  return page;
}
