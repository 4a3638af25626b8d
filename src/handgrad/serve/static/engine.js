// The engine of the Play page: a dense network's forward and backward pass and its optimizers, written out by hand.
//
// It is handgrad's engine once more, in float64: the same formulas (their terms are numbered here as in the kernels),
// the same order of parameters in one flat vector, the same random numbers. So a training here has the numbers of
// `handgrad train --dtype float64` with the same settings; tests/serve/test_play.py compares them.
//
// The gradient of `v` is `dv`. Matrices are flat and row by row: x (N, D) has x[n, j] at n * D + j.
import { INITIALIZERS, bitsAbove, drawer, layerKey } from "./random.js";

const zeros = (size) => new Float64Array(size);

// Activations: y from x; dx from dy, x and y ------------------------------------------------------------------------

const sigmoid = (x) => 1 / (1 + Math.exp(-x));

/** `ends`: where the outputs end, if they do; a unit that is always near an end passes next to no gradient. */
export const ACTIVATIONS = {
  relu: { y: (x) => (x <= 0 ? 0 : x), dx: (dy, x) => (x > 0 ? dy : 0) }, // NaN stays NaN
  leaky_relu: { y: (x) => (x > 0 ? x : 0.01 * x), dx: (dy, x) => (x > 0 ? dy : 0.01 * dy) },
  elu: { y: (x) => (x > 0 ? x : Math.expm1(x)), dx: (dy, x, y) => (x > 0 ? dy : dy * (y + 1)) }, // exp(x) = y + 1
  silu: {
    y: (x) => x * sigmoid(x),
    dx: (dy, x) => { const s = sigmoid(x); return dy * s * (1 + x * (1 - s)); },
  },
  tanh: { y: Math.tanh, dx: (dy, x, y) => dy * (1 - y * y), ends: [-1, 1] },
  sigmoid: { y: sigmoid, dx: (dy, x, y) => dy * y * (1 - y), ends: [0, 1] },
  identity: { y: (x) => x, dx: (dy) => dy, linear: true },
};

// Layers ------------------------------------------------------------------------------------------------------------
//
// A layer has `units` outputs; `parts`, its parameters as [name, size]; room(rows) makes place for `y` and `dx`;
// forward(x, rows, training, key) fills `y`; backward(dy, x, rows) fills `dx` and the gradients of its parameters.

class Layer {
  constructor(inputs, units, parts = []) {
    Object.assign(this, { inputs, units, parts, capacity: 0 });
  }

  room(rows) {
    if (rows <= this.capacity) return;
    this.capacity = rows;
    this.y = zeros(rows * this.units);
    this.dx = zeros(rows * this.inputs);
  }
}

/**
 * y = x W + b.
 * Shapes  x (N, D), W (D, U), b (U,) -> y (N, U)
 * Math    (1) dW[i, j] = sum_n x[n, i] dy[n, j];  (2) db[j] = sum_n dy[n, j];  (3) dx[n, i] = sum_j dy[n, j] W[i, j]
 */
export class Dense extends Layer {
  constructor(inputs, units) {
    super(inputs, units, [["weight", inputs * units], ["bias", units]]);
  }

  forward(x, rows) {
    const { inputs, units, weight, bias, y } = this;
    for (let n = 0; n < rows; n++) {
      const out = n * units;
      for (let j = 0; j < units; j++) y[out + j] = bias[j];
      for (let i = 0; i < inputs; i++) {
        const pixel = x[n * inputs + i], row = i * units;
        if (pixel === 0) continue; // half of a digit is black
        for (let j = 0; j < units; j++) y[out + j] += pixel * weight[row + j];
      }
    }
  }

  backward(dy, x, rows, first) {
    const { inputs, units, weight, dweight, dbias, dx } = this;
    dweight.fill(0);
    dbias.fill(0);
    for (let n = 0; n < rows; n++) {
      const out = n * units;
      for (let j = 0; j < units; j++) dbias[j] += dy[out + j]; // (2)
      for (let i = 0; i < inputs; i++) {
        const input = x[n * inputs + i], row = i * units;
        if (input !== 0) for (let j = 0; j < units; j++) dweight[row + j] += input * dy[out + j]; // (1)
        if (first) continue; // nobody wants the gradient of the pixels
        let sum = 0;
        for (let j = 0; j < units; j++) sum += dy[out + j] * weight[row + j]; // (3)
        dx[n * inputs + i] = sum;
      }
    }
  }
}

/**
 * Normalises each feature over the batch in training, by running statistics in evaluation; then gamma and beta.
 * Forward   (1) mean = sum_n x / N;  (2) variance = sum_n (x - mean)^2 / N;  (3) inverse = 1 / sqrt(variance + epsilon)
 *           (4) y = gamma x^ + beta, x^ = (x - mean) inverse
 * Backward  (5) dbeta = sum_n dy;  (6) dgamma = sum_n dy x^
 *           (7) dx = gamma inverse (dy - dbeta / N - x^ dgamma / N)
 */
export class BatchNorm extends Layer {
  constructor(units) {
    super(units, units, [["gamma", units], ["beta", units]]);
    this.mean = zeros(units);
    this.inverse = zeros(units);
    this.runningMean = zeros(units);
    this.runningVariance = zeros(units).fill(1);
    this.momentum = 0.1;
    this.epsilon = 1e-5;
  }

  forward(x, rows, training) {
    const { units, mean, inverse, runningMean, runningVariance, momentum, epsilon, gamma, beta, y } = this;
    for (let j = 0; j < units; j++) {
      let centre = runningMean[j], variance = runningVariance[j];
      if (training) {
        centre = variance = 0;
        for (let n = 0; n < rows; n++) centre += x[n * units + j];
        centre /= rows; // (1)
        for (let n = 0; n < rows; n++) variance += (x[n * units + j] - centre) ** 2;
        variance /= rows; // (2)
        runningMean[j] += momentum * (centre - runningMean[j]);
        runningVariance[j] += momentum * (variance * (rows / Math.max(rows - 1, 1)) - runningVariance[j]); // unbiased
      }
      mean[j] = centre;
      inverse[j] = 1 / Math.sqrt(variance + epsilon); // (3)
      for (let i = j; i < rows * units; i += units) y[i] = gamma[j] * ((x[i] - centre) * inverse[j]) + beta[j]; // (4)
    }
  }

  backward(dy, x, rows) {
    const { units, mean, inverse, gamma, dgamma, dbeta, dx } = this;
    for (let j = 0; j < units; j++) {
      let sum = 0, product = 0;
      for (let i = j; i < rows * units; i += units) {
        sum += dy[i]; // (5)
        product += dy[i] * ((x[i] - mean[j]) * inverse[j]); // (6)
      }
      dbeta[j] = sum;
      dgamma[j] = product;
      for (let i = j; i < rows * units; i += units) {
        const normalised = (x[i] - mean[j]) * inverse[j];
        dx[i] = gamma[j] * inverse[j] * (dy[i] - (sum + normalised * product) / rows); // (7)
      }
    }
  }
}

/** y = f(x), number by number. */
export class Activation extends Layer {
  constructor(units, name) {
    super(units, units);
    this.rule = ACTIVATIONS[name];
  }

  forward(x, rows) {
    const { y } = this, f = this.rule.y;
    for (let i = 0; i < rows * this.units; i++) y[i] = f(x[i]);
  }

  backward(dy, x, rows) {
    const { y, dx } = this, df = this.rule.dx;
    for (let i = 0; i < rows * this.units; i++) dx[i] = df(dy[i], x[i], y[i]);
  }

  /** Whether next to no gradient comes through at a number of the output: zero, or within 1 % of an end. */
  flat(y) {
    const { ends, linear } = this.rule;
    if (!ends) return !linear && y === 0;
    const margin = 0.01 * (ends[1] - ends[0]);
    return y < ends[0] + margin || y > ends[1] - margin;
  }
}

/** In training y = m x, m = 0 with probability `rate`, else 1 / (1 - rate); otherwise y = x.  Backward  dx = m dy */
export class Dropout extends Layer {
  constructor(units, rate) {
    super(units, units);
    this.rate = rate;
  }

  room(rows) {
    if (rows > this.capacity) this.mask = zeros(rows * this.units);
    super.room(rows);
  }

  forward(x, rows, training, key) {
    const { mask, y } = this, size = rows * this.units;
    if (training) drawMask(mask, size, this.rate, key);
    for (let i = 0; i < size; i++) y[i] = training ? mask[i] * x[i] : x[i];
  }

  backward(dy, x, rows) {
    const { mask, dx } = this;
    for (let i = 0; i < rows * this.units; i++) dx[i] = mask[i] * dy[i];
  }
}

function drawMask(mask, size, rate, key) {
  const scale = 1 / (1 - rate), threshold = Math.floor(rate * 2 ** 32), bits = bitsAbove(key);
  for (let i = 0; i < size; i++) mask[i] = bits(i) < threshold ? 0 : scale;
}

// The loss ----------------------------------------------------------------------------------------------------------

/**
 * Mean cross-entropy of softmax(logits), its gradient, the probabilities, and how many rows are right.
 * Math  p = softmax(logits);  loss = -(1/N) sum_n log p[n, labels[n]];  dlogits = (p - onehot(labels)) / N
 *       the row's largest logit is taken off before exp, so that logits of 1e4 stay finite
 */
export function softmaxCrossEntropy(logits, labels, rows, classes, probabilities, dlogits) {
  let loss = 0, correct = 0;
  for (let n = 0; n < rows; n++) {
    const start = n * classes, label = labels[n];
    let best = 0, total = 0;
    for (let k = 1; k < classes; k++) if (logits[start + k] > logits[start + best]) best = k;
    const top = logits[start + best];
    for (let k = 0; k < classes; k++) total += probabilities[start + k] = Math.exp(logits[start + k] - top);
    for (let k = 0; k < classes; k++) {
      probabilities[start + k] /= total;
      dlogits[start + k] = (probabilities[start + k] - (k === label ? 1 : 0)) / rows;
    }
    loss += Math.log(total) - (logits[start + label] - top);
    correct += best === label ? 1 : 0;
  }
  return { loss: loss / rows, correct };
}

// Optimizers --------------------------------------------------------------------------------------------------------
//
// `vectors`: how many vectors of the parameters' size are remembered; numbers(t, rate) gives the coefficients of step t,
// counted from 1; update(w, dw, states, coefficients) moves the weights.

function adamUpdate(w, dw, [m, v], [fresh, carried, root]) {
  for (let i = 0; i < w.length; i++) {
    m[i] = 0.9 * m[i] + (1 - 0.9) * dw[i];
    v[i] = 0.999 * v[i] + (1 - 0.999) * dw[i] * dw[i];
    w[i] -= (fresh * dw[i] + carried * m[i]) / (Math.sqrt(v[i]) * root + 1e-8);
  }
}

export const OPTIMIZERS = {
  // w = w - rate g
  sgd: {
    vectors: 0,
    numbers: () => (t, rate) => [rate],
    update(w, dw, _, [rate]) { for (let i = 0; i < w.length; i++) w[i] -= rate * dw[i]; },
  },
  // v = 0.9 v + g;  w = w - rate v
  momentum: {
    vectors: 1,
    numbers: () => (t, rate) => [rate],
    update(w, dw, [v], [rate]) {
      for (let i = 0; i < w.length; i++) {
        v[i] = 0.9 * v[i] + dw[i];
        w[i] -= rate * v[i];
      }
    },
  },
  // v = 0.9 v + g;  w = w - rate (g + 0.9 v)
  nag: {
    vectors: 1,
    numbers: () => (t, rate) => [rate],
    update(w, dw, [v], [rate]) {
      for (let i = 0; i < w.length; i++) {
        v[i] = 0.9 * v[i] + dw[i];
        w[i] -= rate * (dw[i] + 0.9 * v[i]);
      }
    },
  },
  // s = 0.99 s + 0.01 g^2;  w = w - rate g / (sqrt(s) + 1e-8)
  rmsprop: {
    vectors: 1,
    numbers: () => (t, rate) => [rate],
    update(w, dw, [s], [rate]) {
      for (let i = 0; i < w.length; i++) {
        s[i] = 0.99 * s[i] + (1 - 0.99) * dw[i] * dw[i];
        w[i] -= rate * dw[i] / (Math.sqrt(s[i]) + 1e-8);
      }
    },
  },
  // m = 0.9 m + 0.1 g;  v = 0.999 v + 0.001 g^2;  w = w - rate (m / (1 - 0.9^t)) / (sqrt(v / (1 - 0.999^t)) + 1e-8)
  adam: {
    vectors: 2,
    numbers: () => (t, rate) => [0, rate / (1 - 0.9 ** t), 1 / Math.sqrt(1 - 0.999 ** t)],
    update: adamUpdate,
  },
  // Adam, one step of momentum ahead:  mu_t = 0.9 (1 - 0.96^(0.004 t) / 2), p_t the product of mu_1 to mu_t;  of g the
  // share rate (1 - mu_t) / (1 - p_t), of m the share rate mu_t+1 / (1 - p_t+1)
  nadam: {
    vectors: 2,
    numbers: () => {
      const mu = (t) => 0.9 * (1 - 0.5 * 0.96 ** (0.004 * t));
      let product = 1;
      return (t, rate) => {
        product *= mu(t);
        const next = mu(t + 1);
        return [rate * (1 - mu(t)) / (1 - product), rate * next / (1 - product * next), 1 / Math.sqrt(1 - 0.999 ** t)];
      };
    },
    update: adamUpdate,
  },
};

// The network -------------------------------------------------------------------------------------------------------

/**
 * Layers bound to one flat vector of parameters: dense, batch normalisation, activation and dropout a hidden layer, then
 * dense. `settings` are handgrad's: num_layers, hidden_size, activation, batch_norm, dropout, weight_init, seed.
 */
export class Network {
  constructor(settings, inputs, classes) {
    const { num_layers: depth, hidden_size: units, batch_norm: normalised, dropout: rate } = settings;
    Object.assign(this, { inputs, classes, layers: [], capacity: 0 });
    for (let layer = 0, size = inputs; layer < depth; layer++, size = units) {
      this.layers.push(new Dense(size, units));
      if (normalised) this.layers.push(new BatchNorm(units));
      this.layers.push(new Activation(units, settings.activation));
      if (rate) this.layers.push(new Dropout(units, rate));
    }
    this.layers.push(new Dense(depth ? units : inputs, classes));
    const size = this.layers.flatMap((layer) => layer.parts).reduce((sum, [, part]) => sum + part, 0);
    this.parameters = zeros(size);
    this.gradients = zeros(size);
    let start = 0;
    for (const layer of this.layers) {
      for (const [name, part] of layer.parts) {
        layer[name] = this.parameters.subarray(start, start + part);
        layer[`d${name}`] = this.gradients.subarray(start, (start += part));
      }
    }
    this.initialise(settings);
  }

  get dense() { return this.layers.filter((layer) => layer instanceof Dense); }
  get activations() { return this.layers.filter((layer) => layer instanceof Activation); }

  /** Weights from their distribution, in the order of the layers; biases and beta zero, gamma one. */
  initialise({ weight_init: name, seed }) {
    const draw = drawer(seed);
    for (const { gamma } of this.layers) gamma?.fill(1);
    for (const { weight, inputs, units } of this.dense) INITIALIZERS[name](weight, draw, inputs, units);
  }

  room(rows) {
    if (rows <= this.capacity) return;
    this.capacity = rows;
    this.probabilities = zeros(rows * this.classes);
    this.dlogits = zeros(rows * this.classes);
    for (const layer of this.layers) layer.room(rows);
  }

  /** Leaves every layer's outputs in its `y`; in training, dropout's masks are drawn with the step's key. */
  forward(x, rows, training = false, key = null) {
    this.room(rows);
    for (const [place, layer] of this.layers.entries()) {
      layer.forward(x, rows, training, key && layerKey(key, place));
      x = layer.y;
    }
    return x;
  }

  /** Loss and right answers of a batch; `training` false: as in evaluation. */
  loss(x, labels, rows, training = false, key = null) {
    const logits = this.forward(x, rows, training, key);
    return softmaxCrossEntropy(logits, labels, rows, this.classes, this.probabilities, this.dlogits);
  }

  /** Leaves the gradient of every parameter in `gradients`, after `loss` of the same batch. */
  backward(x, rows) {
    let dy = this.dlogits;
    for (let place = this.layers.length - 1; place >= 0; place--) {
      const layer = this.layers[place];
      layer.backward(dy, place ? this.layers[place - 1].y : x, rows, place === 0);
      dy = layer.dx;
    }
  }
}

/** An optimizer bound to a network: its state is zero at first. */
export function optimizerOf(network, name, rate) {
  const { vectors, numbers, update } = OPTIMIZERS[name], coefficients = numbers();
  const states = Array.from({ length: vectors }, () => zeros(network.parameters.length));
  return (t) => update(network.parameters, network.gradients, states, coefficients(t, rate));
}

