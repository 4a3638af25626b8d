// A training of the Play page: which images go through the network in which order, and what is measured on the way.
import { Network, optimizerOf } from "./engine.js";
import { holdOut, shuffled, stepKey, withWrongLabels } from "./random.js";

const VALIDATION = 0.1; // share of the training images, as `handgrad train` has it
const EVALUATED = 256; // images at a time

/** Images from what the server sends, or what the page has inline: bytes in base64, and labels as a text of digits. */
export function readImages({ shape, images, labels, classes }) {
  const bytes = Uint8Array.from(atob(images), (letter) => letter.charCodeAt(0));
  const y = Uint8Array.from(labels, Number), x = Float64Array.from(bytes, (byte) => byte * (1 / 255));
  return { shape, classes, inputs: bytes.length / y.length, x, y };
}

const norm = (vector) => Math.sqrt(vector.reduce((sum, each) => sum + each * each, 0));

/**
 * A training from its settings, one step() at a time, as `handgrad train` goes; the same settings give the same numbers.
 * `rows` are the images' places: `train` and `validation`; `curves` what was measured so far.
 */
export class Training {
  constructor(settings, images) {
    const { x, y, inputs, classes } = images, { seed } = settings;
    const [train, validation] = holdOut(y, VALIDATION, seed);
    const labels = withWrongLabels(y, train, settings.label_noise, classes, seed);
    Object.assign(this, { settings, x, labels, inputs, rows: { train, validation }, steps: 0, diverged: false });
    this.network = new Network(settings, inputs, classes);
    this.optimize = optimizerOf(this.network, settings.optimizer, settings.learning_rate);
    this.size = Math.min(settings.batch_size, train.length);
    this.stepsPerEpoch = Math.ceil(train.length / this.size);
    this.every = Math.max(1, Math.round(this.stepsPerEpoch / 4)); // steps from evaluation to evaluation
    const room = Math.max(this.size, EVALUATED);
    this.batch = { x: new Float64Array(room * inputs), y: new Uint8Array(room) };
    this.curves = new Curves(["loss", "accuracy", "validationLoss", "validationAccuracy", ...this.network.dense.keys()]);
    this.measure();
  }

  get epochs() { return this.steps / this.stepsPerEpoch; }

  /** Copies images and labels to where the network reads a batch. */
  gather(rows) {
    const { x, y } = this.batch, { inputs } = this;
    rows.forEach((row, n) => {
      x.set(this.x.subarray(row * inputs, (row + 1) * inputs), n * inputs);
      y[n] = this.labels[row];
    });
    return [x, y, rows.length];
  }

  /** One batch forward and backward, and an update; none where the loss is not finite, which ends the training. */
  step() {
    const { settings, stepsPerEpoch, network } = this, within = this.steps % stepsPerEpoch;
    if (within === 0) this.order = shuffled(this.rows.train, settings.seed, this.steps / stepsPerEpoch);
    const [x, y, rows] = this.gather(this.order.subarray(within * this.size, (within + 1) * this.size));
    this.steps += 1;
    const { loss, correct } = network.loss(x, y, rows, true, stepKey(settings.seed, this.steps));
    network.backward(x, rows);
    const norms = network.dense.map(({ dweight }) => norm(dweight));
    this.curves.add(this.steps, [loss, correct / rows, null, null, ...norms]);
    this.last = { loss, accuracy: correct / rows };
    this.diverged = !Number.isFinite(loss);
    if (this.diverged) return;
    this.optimize(this.steps);
    if (this.steps % this.every === 0 || this.steps % stepsPerEpoch === 0) this.measure();
  }

  /** Loss and accuracy over the validation images. */
  measure() {
    this.validation = this.evaluate(this.rows.validation);
    this.curves.add(this.steps, [null, null, this.validation.loss, this.validation.accuracy]);
  }

  /** Loss and accuracy over rows in evaluation mode; `each` looks at the network after every part of them. */
  evaluate(all, each = () => {}) {
    let loss = 0, correct = 0;
    for (let start = 0; start < all.length; start += EVALUATED) {
      const [x, y, rows] = this.gather(all.subarray(start, start + EVALUATED));
      const found = this.network.loss(x, y, rows);
      loss += found.loss * rows;
      correct += found.correct;
      each(rows, start);
    }
    return { loss: loss / all.length, accuracy: correct / all.length };
  }

  /** Of each activation, first to last: 1 for a unit that passes next to no gradient for any of the training images. */
  deadUnits() {
    const { activations } = this.network, dead = activations.map(({ units }) => new Uint8Array(units).fill(1));
    this.evaluate(this.rows.train, (rows) => {
      for (const [place, layer] of activations.entries()) {
        const { y, units } = layer;
        for (let i = 0; i < rows * units; i++) if (dead[place][i % units] && !layer.flat(y[i])) dead[place][i % units] = 0;
      }
    });
    return dead;
  }
}

/** Columns by step, of at most MOST rows: when they are full, two become one, with the mean of what was measured. */
export class Curves {
  static MOST = 512;

  constructor(columns) {
    Object.assign(this, { columns, stride: 1, sums: [], counts: [] });
  }

  add(step, values) {
    while (Math.ceil(step / this.stride) > Curves.MOST) this.halve();
    this.put(Math.ceil(step / this.stride), values, values.map((value) => (value === null ? 0 : 1)));
  }

  put(place, sums, counts) {
    this.sums[place] ??= this.columns.map(() => 0);
    this.counts[place] ??= this.columns.map(() => 0);
    for (const [column, count] of counts.entries()) {
      if (!count) continue;
      this.sums[place][column] += sums[column];
      this.counts[place][column] += count;
    }
  }

  halve() {
    const { sums, counts } = this;
    Object.assign(this, { stride: 2 * this.stride, sums: [], counts: [] });
    sums.forEach((row, place) => this.put(Math.ceil(place / 2), row, counts[place]));
  }

  get steps() { return [...this.sums.keys()].map((place) => place * this.stride); }

  /** Means of a column, null where nothing was measured. */
  column(name) {
    const column = this.columns.indexOf(name);
    return this.sums.map((row, place) => (this.counts[place][column] ? row[column] / this.counts[place][column] : null));
  }
}
