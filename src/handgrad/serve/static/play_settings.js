// The settings of the Play page: their values, what each does, the address that holds them, and the command of the same.
// Names and values are handgrad's. A `note` is one sentence, for each value or for all.

const RATES = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3];
const USUAL_RATES = { sgd: 0.1, momentum: 0.01, nag: 0.01, rmsprop: 0.001, adam: 0.001, nadam: 0.001 };
export const LARGEST_BATCH = 2048; // more than there are images: all of them in one step
const percent = (share) => `${Math.round(100 * share)} %`;

const ACTIVATION_NOTES = {
  relu: "max(x, 0): the gradient passes whole where x > 0 and not at all elsewhere, so a unit can die.",
  leaky_relu: "Slope 0.01 below zero: a gradient comes through everywhere, and no unit dies.",
  elu: "exp(x) − 1 below zero: outputs down to −1 bring their mean nearer to zero.",
  silu: "x · sigmoid(x): smooth, and slightly negative for x < 0.",
  tanh: "Between −1 and 1: its slope is at most 1, and next to 0 where a unit saturates.",
  sigmoid: "Between 0 and 1: its slope is at most 1/4, which shrinks gradients layer by layer on their way back.",
  identity: "No activation: all layers together are one linear map, however many there are.",
};
const INIT_NOTES = {
  he: "Variance 2 / inputs: signals keep their size through layers of ReLU.",
  xavier: "Variance 2 / (inputs + outputs): signals and gradients keep about their size near tanh's middle.",
  random: "Standard deviation 0.05, whatever the width: without batch normalisation signals shrink layer by layer.",
  zeros: "Units that start equal get equal gradients and stay equal; only the output's bias learns where f(0) = 0.",
};
const OPTIMIZER_NOTES = {
  sgd: "A step against the gradient of one batch.",
  momentum: "A velocity that keeps 0.9 of itself: a constant gradient ends up with steps ten times as long.",
  nag: "Momentum that looks one step ahead, which damps its swings.",
  rmsprop: "Each gradient over the root of its running mean square: the first steps are about ten times the rate.",
  adam: "Running mean of gradients over the root of that of their squares: the first steps are about the rate long.",
  nadam: "Adam that looks one step of momentum ahead.",
};

const choice = (notes) => ({ values: Object.keys(notes), note: (value) => notes[value] });
const number = (values, low, high, note, more = {}) => ({ values, low, high, note, ...more });

/** What can be changed, by the name of its setting. A number has bounds; `values` are those offered. */
export const CONTROLS = {
  num_layers: number([0, 1, 2, 3, 4, 5, 6], 0, 6, (depth) => (depth ? "More layers fit more; watch the gradient norm of the first one as you add some." : "Softmax regression: the picture of a class is its weights; the settings of hidden layers have no effect."), { label: "hidden layers", whole: true }),
  hidden_size: number([1, 2, 4, 8, 16, 32, 64, 128], 1, 128, () => "Few units cannot tell ten digits apart; with many, watch whether validation follows training.", { label: "units in each", whole: true }),
  activation: { label: "activation", ...choice(ACTIVATION_NOTES) },
  weight_init: { label: "initial weights", ...choice(INIT_NOTES) },
  batch_norm: { label: "batch normalisation", values: [false, true], write: (on) => (on ? "yes" : "no"), note: (on) => (on ? "Each unit's input is normalised over the batch: deep networks train at rates where they would not without." : "Inputs of units are as large as the weights make them.") },
  dropout: number([0, 0.1, 0.2, 0.3, 0.5, 0.8], 0, 0.95, (rate) => (rate ? `${percent(rate)} of the hidden outputs are set to zero, drawn anew each step, in training alone: its loss is measured so, and is higher.` : "All hidden outputs are used."), { label: "dropout", write: percent }),
  optimizer: { label: "optimizer", ...choice(OPTIMIZER_NOTES) },
  learning_rate: number(RATES, 1e-6, 100, (rate, { optimizer }) => `Too small: the loss hardly falls; too large: it jumps, or diverges. Usual for ${optimizer}: ${USUAL_RATES[optimizer]}.`, { label: "learning rate" }),
  batch_size: number([1, 4, 16, 32, 64, 128, 512, LARGEST_BATCH], 1, LARGEST_BATCH, (size) => (size === 1 ? "One image a step: the noisiest gradient, and the most steps in an epoch." : "Small batches: noisy steps, many in an epoch; all images: the training loss's own gradient, one step in an epoch."), { label: "batch size", whole: true, write: (size) => (size === LARGEST_BATCH ? "all images" : String(size)) }),
  label_noise: number([0, 0.1, 0.2, 0.3, 0.5, 1], 0, 1, (share) => (share ? "A large network learns wrong labels by heart: then training loss falls on, and validation loss rises." : "All labels are right."), { label: "wrong labels", write: percent }),
  seed: number(null, 0, 2 ** 32, () => "Another seed, other weights, batches and validation images: how much of a difference is luck?", { label: "seed", whole: true }),
};

export const USUAL = {
  num_layers: 1, hidden_size: 32, activation: "relu", weight_init: "he", batch_norm: false, dropout: 0, optimizer: "sgd",
  learning_rate: 0.1, batch_size: 32, label_noise: 0, seed: 0,
};

/** With one setting changed; another optimizer comes with its usual rate. */
export function changed(settings, name, value) {
  const rate = name === "optimizer" ? { learning_rate: USUAL_RATES[value] } : {};
  return { ...settings, ...rate, [name]: value };
}

// The address -------------------------------------------------------------------------------------------------------

const MOST_STEPS = 1_000_000;

/** A value as the address or a control has it; undefined where it cannot be one. */
export function read(name, text) {
  const { values, low, high, whole } = CONTROLS[name];
  if (low === undefined) return values.find((value) => String(value) === text);
  const value = text.trim() === "" ? NaN : Number(text);
  return value >= low && value <= high && (!whole || Number.isInteger(value)) ? value : undefined;
}

export const write = (settings, steps) => new URLSearchParams({ ...settings, ...(steps ? { steps } : {}) }).toString();

/** { settings, steps, problems }: what the address says; what it leaves out is usual, and what it cannot mean is named. */
export function readAddress(text) {
  const settings = { ...USUAL }, problems = [];
  let steps = 0;
  for (const [name, value] of new URLSearchParams(text)) {
    const found = name === "steps" ? Number(value) : Object.hasOwn(CONTROLS, name) ? read(name, value) : undefined;
    const wrong = name === "steps" ? !(Number.isInteger(found) && found >= 0 && found <= MOST_STEPS) : found === undefined;
    if (wrong) problems.push(`${name}=${value}`.slice(0, 60));
    else if (name === "steps") steps = found;
    else settings[name] = found;
  }
  return { settings, steps, problems };
}

/** `handgrad train` with the same settings: its losses are those of this page. */
export function command(settings, { every, epochs }) {
  const { batch_norm: normalised, dropout, label_noise: noise, ...rest } = settings;
  const words = Object.entries({ ...rest, ...(dropout && { dropout }), ...(noise && { label_noise: noise }) });
  const flags = words.map(([name, value]) => `--${name} ${value}`).join(" ");
  const last = `--epochs ${Math.max(1, Math.ceil(epochs))} --evaluate_every ${every} --keep last`;
  return `handgrad train --dataset digits --preset plain --dtype float64 ${flags}${normalised ? " --batch_norm" : ""} ${last}`;
}

// Experiments -------------------------------------------------------------------------------------------------------

const DEEP = { num_layers: 5, activation: "sigmoid", weight_init: "xavier" };
const NOISY = { hidden_size: 128, label_noise: 0.3, optimizer: "adam", learning_rate: 0.01 };

/** Settings that show an effect, with what to watch. tests/serve/test_play.py trains each. */
export const EXPERIMENTS = [
  { name: "no hidden layer", settings: { num_layers: 0, learning_rate: 0.3 }, watch: "The weights of each class grow into a picture of where its digit is brighter than the others." },
  { name: "vanishing gradients", settings: DEEP, watch: "Each layer's gradient norm is a fraction of the next one's: the first layer hardly learns, and nothing is learned." },
  { name: "… with batch normalisation", settings: { ...DEEP, batch_norm: true }, watch: "The same network learns: the gradients of all its layers are of about one size." },
  { name: "dying units", settings: { learning_rate: 3, hidden_size: 64 }, watch: "Steps too large push units below zero for every image: they are crossed out, and do not come back." },
  { name: "equal units", settings: { activation: "sigmoid", weight_init: "zeros", hidden_size: 16 }, watch: "All units have the same weights at every step: sixteen of them are worth one." },
  { name: "learned by heart", settings: NOISY, watch: "Three of ten labels are wrong: training accuracy climbs past 70 %, and validation accuracy, once above 90 %, falls." },
  { name: "… with dropout", settings: { ...NOISY, dropout: 0.5 }, watch: "Half of the units are missing in each step: wrong labels are hardly learned, and validation accuracy stays." },
  { name: "a rate too large", settings: { optimizer: "momentum", learning_rate: 1, activation: "identity", num_layers: 3 }, watch: "Each step overshoots further than the last: the loss diverges." },
];
