/** Gradients of model files by one provider: the same code in a Node.js process of its own and in a page. */

/**
 * Pictures of noise in the range of a model's input, the same on every platform: number `first` and those after it.
 * Noise, because in a smooth picture whole regions lie on the kink of a Relu, where rounding decides the gradient.
 */
function pictures(dims, [low, high], first) {
  const size = dims.slice(1).reduce((p, d) => p * d, 1)
  const data = new Float32Array(dims[0] * size)
  for (let n = 0; n < dims[0]; n++) {
    let state = Math.imul(first + n + 1, 0x9e3779b1) >>> 0
    for (let i = 0; i < size; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      data[n * size + i] = low + ((high - low) * state) / 2 ** 32
    }
  }
  return { type: 'float32', dims, data }
}

function crossEntropy({ constant, equal, int64, logSoftmax, where }, logits, labels) {
  const [samples, classes] = logits.shape
  const scores = logits.reshape([samples, classes])
  const numbers = constant(
    int64(
      [1, classes],
      Array.from({ length: classes }, (_, i) => i),
    ),
  )
  return where(equal(labels.reshape([samples, 1]), numbers), logSoftmax(scores, 1).neg(), 0).sum(1)
}

/** The gradient as a compiled function of pictures and labels. */
function gradientOf(autodiff, model, options) {
  const loss = (v, y) => crossEntropy(autodiff, model.logits(v).logits, y)
  return autodiff.compile((x, y) => autodiff.grad((v) => loss(v, y))(x), options)
}

const labelsFor = ({ int64 }, samples) =>
  int64(
    [samples],
    Array.from({ length: samples }, (_, i) => 3 + i),
  )

export async function gradients(autodiff, { models, engine: options, spellings }) {
  const notices = []
  const engine = autodiff.createEngine({ ...options, onNotice: (message) => notices.push(message) })
  const results = []
  for (const { source, range, samples, picture } of models) {
    const model = await autodiff.load(source)
    const x = pictures([samples, ...model.inputs[0].shape.slice(1)], range, picture)
    const step = gradientOf(autodiff, model, { engine, spellings })
    const started = performance.now()
    const gradient = await step(x, labelsFor(autodiff, samples))
    results.push({ gradient, milliseconds: performance.now() - started })
    await step.release()
  }
  await engine.close()
  return { results, notices }
}

/**
 * The first of some pictures whose gradients change least when the picture changes by rounding errors: where a unit lies
 * within rounding of its kink, two right answers differ, and there is nothing to compare.
 */
export async function calmest(autodiff, { source, range, samples }) {
  const engine = autodiff.createEngine({ provider: 'cpu', workers: 0 })
  const model = await autodiff.load(source)
  const step = gradientOf(autodiff, model, { engine })
  const count = 8 + samples - 1
  const unrest = Array.from({ length: count }, () => 0)
  const labels = labelsFor(autodiff, samples)
  for (let first = 0; first < count; first += samples) {
    const x = pictures([samples, ...model.inputs[0].shape.slice(1)], range, first)
    const before = await step(x, labels)
    const size = x.data.length / samples
    for (const trial of [1, 2, 3]) {
      const data = x.data.map((v, i) => v + (range[1] - range[0]) * 3e-7 * Math.sin(trial * (1.7 * i + 1)))
      const after = await step({ ...x, data }, labels)
      for (let n = 0; n < samples; n++)
        unrest[first + n] = Math.max(
          unrest[first + n],
          distance(before.data, after.data, n * size, (n + 1) * size),
        )
    }
  }
  await step.release()
  const worst = (first) => Math.max(...unrest.slice(first, first + samples))
  const firsts = Array.from({ length: 8 }, (_, i) => i).filter((i) => i % samples === 0)
  return firsts.reduce((a, b) => (worst(b) < worst(a) ? b : a))
}

function distance(a, b, from, to) {
  let [sum, norm] = [0, 0]
  for (let i = from; i < to; i++) {
    sum += (a[i] - b[i]) ** 2
    norm += a[i] ** 2
  }
  return Math.sqrt(sum / norm)
}
