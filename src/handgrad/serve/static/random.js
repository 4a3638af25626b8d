// Random numbers, the same as handgrad's and NumPy's to the last bit: so that a seed means here what it means there.
//
// Weights, splits and the order of images come from NumPy's Philox generator, keyed by (seed, purpose); the masks of
// dropout are a function of (seed, step, layer, number), as in handgrad.kernels.random. Keys are 64 bits, as BigInt.

const HOLDOUT = 1, LABEL_NOISE = 4, INITIALISATION = 11, SHUFFLING = 12, TRAINING = 13; // purposes
const MASK = (1n << 64n) - 1n;

// Philox ------------------------------------------------------------------------------------------------------------

const MULTIPLIERS = [0xD2E7470EE14C6C93n, 0xCA5A826395121157n], BUMPS = [0x9E3779B97F4A7C15n, 0xBB67AE8584CAA73Bn];

/** Four numbers of 64 bits from a counter and a key: ten rounds of Philox4x64.  Ref  Salmon et al., SC 2011 */
function philox(counter, [key0, key1]) {
  let a = counter, b = 0n, c = 0n, d = 0n;
  for (let round = 0; round < 10; round++) {
    const one = MULTIPLIERS[0] * a, two = MULTIPLIERS[1] * c;
    [a, b, c, d] = [(two >> 64n) ^ b ^ key0, two & MASK, (one >> 64n) ^ d ^ key1, one & MASK];
    key0 = (key0 + BUMPS[0]) & MASK;
    key1 = (key1 + BUMPS[1]) & MASK;
  }
  return [a, b, c, d];
}

/** The stream of numpy.random.Philox(key=[seed, purpose]): a function that gives the next 64 bits. */
function stream(seed, purpose) {
  const key = [BigInt(seed), BigInt(purpose)];
  let counter = 0n, block = [];
  return () => {
    if (!block.length) block = philox(++counter, key);
    return block.shift();
  };
}

const raw = (seed, purpose, count) => BigUint64Array.from({ length: count }, stream(seed, purpose));

// NumPy's distributions ---------------------------------------------------------------------------------------------

// Marsaglia & Tsang's ziggurat of 256 layers of one area under exp(-x^2 / 2), the lowest with the tail beyond EDGE.
const EDGE = 3.6541528853610088, AREA = 0.004928673233974658;
const density = (x) => Math.exp(-0.5 * x * x);
const WIDTHS = new Float64Array(256), BOUNDS = new Float64Array(256), HEIGHTS = new Float64Array(256);

function makeZiggurat() {
  let x = EDGE;
  WIDTHS[0] = AREA / density(EDGE) / 2 ** 52;
  BOUNDS[0] = Math.floor(EDGE * density(EDGE) / AREA * 2 ** 52);
  HEIGHTS[0] = 1;
  WIDTHS[255] = EDGE / 2 ** 52;
  HEIGHTS[255] = density(EDGE);
  for (let layer = 254; layer > 0; layer--) {
    const above = Math.sqrt(-2 * Math.log(AREA / x + density(x)));
    BOUNDS[layer + 1] = Math.floor(above / x * 2 ** 52);
    WIDTHS[layer] = above / 2 ** 52;
    HEIGHTS[layer] = density(above);
    x = above;
  }
}
makeZiggurat();

/** What numpy.random.Generator draws for a network's weights: uniform() on [0, 1), and normal(). */
export function drawer(seed) {
  const next = stream(seed, INITIALISATION), uniform = () => Number(next() >> 11n) * 2 ** -53;
  const tail = (sign) => {
    for (;;) {
      const x = -Math.log1p(-uniform()) / EDGE, y = -Math.log1p(-uniform());
      if (y + y > x * x) return sign ? -(EDGE + x) : EDGE + x;
    }
  };
  const normal = () => {
    for (;;) {
      const bits = next(), layer = Number(bits & 0xFFn), share = Number((bits >> 9n) & ((1n << 52n) - 1n));
      const x = (bits >> 8n) & 1n ? -share * WIDTHS[layer] : share * WIDTHS[layer];
      if (share < BOUNDS[layer]) return x;
      if (layer === 0) return tail((bits >> 17n) & 1n);
      if ((HEIGHTS[layer - 1] - HEIGHTS[layer]) * uniform() + HEIGHTS[layer] < density(x)) return x;
    }
  };
  return { uniform, normal };
}

const normals = (deviation) => (weight, { normal }, inputs, units) => {
  const scale = deviation(inputs, units);
  for (let i = 0; i < weight.length; i++) weight[i] = scale * normal();
};
const uniforms = (limit) => (weight, { uniform }, inputs, units) => {
  const a = limit(inputs, units);
  for (let i = 0; i < weight.length; i++) weight[i] = -a + (a - -a) * uniform();
};

/** Fills a weight (inputs, units) with draws. */
export const INITIALIZERS = {
  he: normals((inputs) => Math.sqrt(2 / inputs)), // keeps the variance through ReLU
  xavier: uniforms((inputs, units) => Math.sqrt(6 / (inputs + units))),
  lecun_normal: normals((inputs) => Math.sqrt(1 / inputs)),
  random: normals(() => 0.05),
  zeros: () => {},
};

// Counters: SplitMix64 ----------------------------------------------------------------------------------------------

const GOLDEN = 0x9E3779B97F4A7C15n, FIRST = 0xBF58476D1CE4E5B9n, SECOND = 0x94D049BB133111EBn;

function mix(z) {
  z = ((z ^ (z >> 30n)) * FIRST) & MASK;
  z = ((z ^ (z >> 27n)) * SECOND) & MASK;
  return z ^ (z >> 31n);
}

export const subkey = (key, index) => mix(mix((key + GOLDEN) & MASK) ^ ((BigInt(index) * GOLDEN) & MASK));

/** The key of a training's step, counted from 1. */
export const stepKey = (seed, step) => subkey(subkey(BigInt(seed), TRAINING), step);

/** The key of a layer in a step; handgrad's layer 0 is flatten, which has no work here. */
export const layerKey = (key, place) => subkey(key, place + 1);

/**
 * A function that gives the upper 32 bits of the i-th number of a stream: mix(key + (i + 1) GOLDEN), in halves of 32
 * bits, since a mask takes thousands and BigInt is slow.
 */
export function bitsAbove(key) {
  const keyHigh = Number(key >> 32n), keyLow = Number(key & 0xFFFFFFFFn);
  let high = 0, low = 0;
  const multiply = (byHigh, byLow) => { // (high, low) times a constant, modulo 2^64
    const a = low & 0xFFFF, b = low >>> 16, c = byLow & 0xFFFF, d = byLow >>> 16;
    const middle = a * d + b * c + Math.floor(a * c / 65536); // below 2^34: exact
    const carried = b * d + Math.floor(middle / 65536);
    high = (carried + Math.imul(high, byLow) + Math.imul(low, byHigh)) | 0;
    low = (middle << 16) | ((a * c) & 0xFFFF);
  };
  const shifted = (count) => { // x ^ (x >> count)
    low ^= (low >>> count) | (high << (32 - count));
    high ^= high >>> count;
  };
  return (index) => {
    high = 0;
    low = index + 1;
    multiply(0x9E3779B9 | 0, 0x7F4A7C15 | 0);
    const sum = (low >>> 0) + keyLow;
    high = (high + keyHigh + (sum > 0xFFFFFFFF ? 1 : 0)) | 0;
    low = sum | 0;
    shifted(30);
    multiply(0xBF58476D | 0, 0x1CE4E5B9 | 0);
    shifted(27);
    multiply(0x94D049BB | 0, 0x133111EB | 0);
    shifted(31);
    return high >>> 0;
  };
}

// Which images are taken, and in which order ------------------------------------------------------------------------

const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
const sorted = (rows) => Uint32Array.from(rows).sort();

/** For each row its place in the shuffled order of its class, and the share of the class that is taken up to it. */
function rank(labels, purpose, seed) {
  const draws = raw(seed, purpose, labels.length), counts = new Map(), ranks = new Uint32Array(labels.length);
  const order = [...labels.keys()].sort((a, b) => labels[a] - labels[b] || compare(draws[a], draws[b]) || a - b);
  for (const row of order) {
    ranks[row] = counts.get(labels[row]) ?? 0;
    counts.set(labels[row], ranks[row] + 1);
  }
  return { ranks, counts, shares: Float64Array.from(ranks, (place, row) => (place + 0.5) / counts.get(labels[row])) };
}

/** [rows to train on, rows held out], every class in proportion: handgrad.data.splits.holdout. */
export function holdOut(labels, fraction, seed) {
  const { ranks, shares, counts } = rank(labels, HOLDOUT, seed);
  const spare = [...labels.keys()].filter((row) => ranks[row] < counts.get(labels[row]) - 1);
  spare.sort((a, b) => shares[a] - shares[b] || labels[a] - labels[b] || a - b);
  const held = new Set(spare.slice(0, Math.max(1, halfToEven(fraction * labels.length))));
  return [sorted([...labels.keys()].filter((row) => !held.has(row))), sorted(held)];
}

/** As Python rounds. */
const halfToEven = (number) => (number % 1 === 0.5 ? 2 * Math.round(number / 2) : Math.round(number));

/** Labels of which a share, among `rows`, is wrong, each wrong one as likely: handgrad.data.splits.with_label_noise. */
export function withWrongLabels(labels, rows, share, classes, seed) {
  const draws = raw(seed, LABEL_NOISE, 2 * rows.length), found = labels.slice(), others = BigInt(Math.max(classes - 1, 1));
  const order = [...rows.keys()].sort((a, b) => compare(draws[a], draws[b]) || a - b);
  for (const place of order.slice(0, halfToEven(share * rows.length))) {
    found[rows[place]] = (labels[rows[place]] + 1 + Number(draws[rows.length + place] % others)) % classes;
  }
  return found;
}

/** The training rows in the order of an epoch, counted from 0. */
export function shuffled(rows, seed, epoch) {
  const draws = raw(seed, (BigInt(SHUFFLING) << 32n) + BigInt(epoch), rows.length);
  return rows.map((_, place) => place).sort((a, b) => compare(draws[a], draws[b]) || a - b).map((place) => rows[place]);
}
