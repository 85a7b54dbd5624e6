/**
 * Explanations here and by Captum: the same weights, the same images, for SmoothGrad the same noise. Distances are each image's
 * relative L2 distance of the attribution; the command fails where one is above 1e-3. Near a kink, single precision falls on either
 * side of it: how far both are from Captum in double precision tells such a difference from an error.
 *
 * node bench/peers/explain.mjs [--net std]… [--method smoothgrad]… [--images 10] [--ties share|first] [--data ../shared/data] [--json]
 *
 * MNIST's black is one value, and where all values of a max-pooling are equal it has no derivative: PyTorch gives the gradient to the
 * first, here they share it. So that there is one right answer, pixels are moved within their 256th. With --ties they stay as they are,
 * and PyTorch's max-pooling of the MNIST networks shares as ours (share) or is its own (first).
 *
 * Nets: AdverTorch's LeNet5 pair on MNIST (std, adv), and resnet-18 with random weights on random pictures.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { createEngine, float32 } from '@saddlepoint/autodiff'
import { classifier, fillNormal, fillUniform, parseExplanation } from 'saddlepoint'
import { table } from '../measure.mjs'
import { nets, samples, scratchFolder, writeNets } from '../nets.mjs'
import { Peer } from './peer.mjs'

const { values } = parseArgs({
  options: {
    net: { type: 'string', multiple: true },
    method: { type: 'string', multiple: true },
    images: { type: 'string', default: '10' },
    data: {
      type: 'string',
      default: process.env.SADDLE_DATA ?? fileURLToPath(new URL('../../../shared/data', import.meta.url)),
    },
    ties: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})

/** The most that two single-precision graphs of one function may differ by. */
const TOLERANCE = 1e-3
const SIGMA = 0.15

const folder = scratchFolder()
const engine = createEngine({ workers: 0, threads: 1 })
const peer = new Peer('explain.py')
const versions = await peer.ask({ do: 'versions' })
const results = []

for (const name of values.net ?? ['std', 'adv', 'resnet-18']) {
  const { net, path, x } = open(name)
  const model = await classifier(path, { engine })
  const scores = await model.predict(x)
  const classes = model.decide(scores).map((d) => d.label)
  const shape = x.dims
  const { difference, size } = await peer.ask({
    do: 'load',
    net,
    path,
    share: net === 'lenet5' && values.ties === 'share',
    shape,
    x: file('x', x.data),
    y: file('y', BigInt64Array.from(classes, BigInt)),
    scores: file('scores', scores.data),
  })
  if (!(difference <= 1e-4 * size)) throw new Error(`${name}: scores differ by ${difference} of ${size}`)
  for (const [method, { options, theirs }] of Object.entries(methods(shape, lastConvolution(model)))) {
    if (values.method && !values.method.includes(method)) continue
    const { attribution } = await parseExplanation(`${method}${options}`).explain(model, x, { classes })
    const { distances, exact } = await peer.ask({
      do: 'compare',
      method,
      found: file('found', attribution.data),
      ...theirs,
    })
    results.push({ net: name, images: shape[0], method, largest: Math.max(...distances), distances, exact })
    if (!values.json) console.error(`${name} ${method}: ${results.at(-1).largest.toExponential(1)}`)
  }
  await model.release()
}
peer.close()
await engine.close()

const missed = results.filter((r) => !(r.largest <= TOLERANCE))
if (values.json) console.log(JSON.stringify({ versions, tolerance: TOLERANCE, results }))
else {
  const rows = results.map(({ net, images, method, largest, exact }) => ({
    net,
    images,
    method,
    'largest distance': largest.toExponential(1),
    'ours from double precision': Math.max(...exact.ours).toExponential(1),
    'theirs from it': Math.max(...exact.theirs).toExponential(1),
  }))
  console.log(table(rows))
  console.log(`Captum ${versions.captum}, PyTorch ${versions.torch}; ${missed.length} above ${TOLERANCE}`)
}
if (missed.length) process.exitCode = 1

/** A network of bench/peers/networks.py, its file, and pictures. */
function open(name) {
  if (nets[name]) return { net: name, path: writeNets(folder, [name])[name], x: samples(nets[name], 1).x }
  const path = join(values.data, 'models/mnist', `mnist_${name}_advertorch_lenet5.onnx`)
  const bytes = gunzipSync(readFileSync(join(values.data, 'mnist/t10k-images-idx3-ubyte.gz'))).subarray(16)
  const count = Number(values.images)
  const within = fillUniform(new Float32Array(count * 784), { seed: 1, sample: 0 })
  const pixels = within.map((u, i) => (values.ties ? bytes[i] / 255 : (bytes[i] + u) / 256))
  return { net: 'lenet5', path, x: float32([count, 1, 28, 28], pixels) }
}

/** What the last convolution itself puts out. */
function lastConvolution({ model }) {
  return model.source.graph.nodes.findLast((n) => n.op === 'Conv').outputs[0]
}

/** How each method is called here and there. */
function methods(shape, layer) {
  const large = shape.at(-1) > 100
  const n = large ? 8 : 50
  const [window, stride] = large ? [56, 28] : [5, 3]
  const plain = { options: '', theirs: {} }
  const noisy = { options: `:n=${n},sigma=${SIGMA}`, theirs: { n, noise: noise(shape, n) } }
  return {
    gradient: plain,
    'gradient-x-input': plain,
    smoothgrad: noisy,
    'smoothgrad-squared': noisy,
    vargrad: noisy,
    'integrated-gradients': { options: `:steps=${n}`, theirs: { steps: n, baseline: 0 } },
    'grad-cam': { options: `:layer=${layer}`, theirs: {} },
    occlusion: {
      options: `:window=${window},stride=${stride},baseline=black`,
      theirs: { window, stride, baseline: 0 },
    },
  }
}

/** The numbers that our own n copies of each sample draw, [samples · n, …]. */
function noise([count, ...shape], n) {
  const size = shape.reduce((p, d) => p * d, 1)
  const data = new Float32Array(count * n * size)
  for (let sample = 0; sample < count; sample++)
    for (let step = 0; step < n; step++) {
      const from = (sample * n + step) * size
      fillNormal(data.subarray(from, from + size), { seed: 0, sample, step })
    }
  return file(
    'noise',
    data.map((v) => v * SIGMA),
  )
}

function file(name, data) {
  const path = join(folder, name)
  writeFileSync(path, data)
  return path
}
