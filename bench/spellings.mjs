/**
 * Every spelling of our own operators, timed over shapes that real networks have, against the one that is chosen: run it
 * again after an update of ONNX Runtime. One thread, weights constant unless said otherwise.
 *
 * node bench/spellings.mjs [--op ConvDataGradient]… [--rounds 5] [--seconds 0.05] [--clock wall|cpu] [--json]
 */
import { parseArgs } from 'node:util'
import { apply, constant, createEngine, emitBytes, findOp, input, Tensor } from '@saddlepoint/autodiff'
import {
  commonOptions,
  formatTime,
  interleaved,
  local,
  machine,
  measureOptions,
  ratio,
  table,
} from './measure.mjs'
import { noise } from './nets.mjs'

const { values } = parseArgs({
  options: {
    ...commonOptions,
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '0.05' },
    op: { type: 'string', multiple: true },
  },
})

/** How far a spelling must be ahead of the chosen one to be called a better choice. */
const MARGIN = 0.95

/**
 * @typedef {object} Case
 * @property {string} title
 * @property {number[][]} operands shapes; −1 is the batch
 * @property {number} batch
 * @property {number[]} [constants] operands that are part of the graph
 * @property {object} attributes
 */

/** A convolution as its shapes: what both of its gradients are measured on. */
const convolutions = [
  // title, batch, input channels, output channels, size, kernel, stride, group
  ['ResNet 64, 56²', 8, 64, 64, 56, 3, 1],
  ['ResNet 128, 28²', 8, 128, 128, 28, 3, 1],
  ['ResNet 256, 14²', 8, 256, 256, 14, 3, 1],
  ['ResNet 512, 7²', 8, 512, 512, 7, 3, 1],
  ['ResNet 64→128, stride 2', 8, 64, 128, 56, 3, 2],
  ['ResNet stem 7×7', 8, 3, 64, 224, 7, 2],
  ['bottleneck 1×1, 256→64', 8, 256, 64, 56, 1, 1],
  ['bottleneck 1×1, 64→256', 8, 64, 256, 56, 1, 1],
  ['1×1 stride 2, 256→512', 8, 256, 512, 56, 1, 2],
  ['MobileNet 1×1, 24→144', 8, 24, 144, 56, 1, 1],
  ['depthwise 144, 56²', 8, 144, 144, 56, 3, 1, 144],
  ['depthwise 96, stride 2', 8, 96, 96, 112, 3, 2, 96],
  ['grouped 4 × 32, 28²', 8, 128, 128, 28, 3, 1, 4],
  ['MobileNet stem 3→32, stride 2', 8, 3, 32, 224, 3, 2],
  ['CIFAR 3→64, 32²', 32, 3, 64, 32, 3, 1],
  ['LeNet 1→32, 28²', 128, 1, 32, 28, 3, 1],
  ['LeNet 32→64, 14²', 128, 32, 64, 14, 3, 1],
].map(([title, batch, c, o, size, k, stride, group = 1]) => {
  const pad = (k - 1) / 2
  const out = Math.floor((size + 2 * pad - k) / stride) + 1
  const pads = [pad, pad, pad, pad]
  const attributes = { strides: [stride, stride], dilations: [1, 1], pads, group }
  const shapes = { x: [-1, c, size, size], dy: [-1, o, out, out], w: [o, c / group, k, k] }
  return { title, batch, attributes, size: [size, size], kernel: [k, k], ...shapes }
})

const pools = [
  ['LeNet 2×2, 28²', 128, 32, 28, 2, 2, 0],
  ['VGG 2×2, 112²', 4, 64, 112, 2, 2, 0],
  ['ResNet stem 3×3 stride 2', 8, 64, 112, 3, 2, 1],
  ['SqueezeNet 3×3 stride 2', 8, 128, 55, 3, 2, 0],
  ['Inception 3×3 stride 1', 8, 192, 28, 3, 1, 1],
].map(([title, batch, c, size, k, stride, pad]) => {
  const out = Math.floor((size + 2 * pad - k) / stride) + 1
  const attributes = { kernel_shape: [k, k], strides: [stride, stride], pads: [pad, pad, pad, pad] }
  return { title, batch, attributes, size: [size, size], x: [-1, c, size, size], y: [-1, c, out, out] }
})

const maps = [
  ['ResNet 64, 112²', 8, [-1, 64, 112, 112]],
  ['ResNet 256, 14²', 8, [-1, 256, 14, 14]],
  ['MLP 512', 128, [-1, 512]],
].map(([title, batch, shape]) => ({ title, batch, operands: [shape, shape] }))

/** @type {Record<string, Case[]>} */
const suites = {
  ConvDataGradient: convolutions.flatMap(({ title, batch, attributes, size, dy, w }) => {
    const item = { title, batch, operands: [dy, w], attributes: { ...attributes, size } }
    return [
      { ...item, constants: [1] },
      ...(batch === 8 ? [{ ...item, title: `${title}, weights fed` }] : []),
    ]
  }),
  ConvWeightGradient: convolutions.map(({ title, batch, attributes, kernel, x, dy }) => {
    return { title, batch, operands: [x, dy], attributes: { ...attributes, kernel } }
  }),
  MaxPoolGradient: pools.map(({ title, batch, attributes, x, y }) => {
    return { title, batch, operands: [x, y, y], attributes }
  }),
  MaxPoolPick: pools.map(({ title, batch, attributes, x, y }) => {
    return { title, batch, operands: [x, y, x], attributes }
  }),
  WindowSpread: pools.map(({ title, batch, attributes, size, y }) => {
    return { title, batch, operands: [y], attributes: { ...attributes, size } }
  }),
  PositiveFilter: maps.map((item) => ({ ...item, attributes: {} })),
  RangeFilter: maps.map((item) => ({ ...item, attributes: { low: 0, high: 1 } })),
  InsideFilter: maps.map((item) => ({ ...item, attributes: { low: 0, high: 6 } })),
}

const engine = createEngine({ workers: 0, threads: 1 })
const target = { provider: 'cpu' }
const results = []
for (const op of values.op ?? Object.keys(suites)) {
  if (!suites[op]) throw new Error(`no shapes for ${op}; there are ${Object.keys(suites).join(', ')}`)
  for (const item of suites[op]) {
    results.push(await measured(op, item))
    if (!values.json) console.error(`${op}, ${item.title}: ${results.at(-1).fastest}`)
  }
}
await engine.close()

async function measured(op, item) {
  const { spellings, spelling } = findOp(op)
  const operands = item.operands.map((shape, i) =>
    item.constants?.includes(i) ? constant(noise(shape, i)) : input(`in${i}`, 'float32', shape),
  )
  const result = apply(op, operands, item.attributes)
  const chosen = spelling(result.node.inputs, item.attributes, target)
  const fed = operands.filter((t) => t.node.op === 'Input')
  const feeds = Object.fromEntries(
    fed.map((t, i) => [
      t.node.attributes.name,
      noise(
        t.shape.map((d) => (d < 0 ? item.batch : d)),
        i,
      ),
    ]),
  )
  const programs = []
  const candidates = []
  for (const name of Object.keys(spellings)) {
    const program = await build(op, name, result, operands, fed, item)
    if (!program) continue
    programs.push(program)
    candidates.push(local(name, () => program.run(feeds)))
  }
  const times = await interleaved(candidates, measureOptions(values))
  for (const program of programs) await program.release()
  const ratios = Object.fromEntries(
    Object.keys(times).map((name) => [name, ratio(times[name], times[chosen])]),
  )
  const fastest = Object.keys(ratios).reduce((a, b) => (ratios[b] < ratios[a] ? b : a))
  return { op, case: item.title, chosen, fastest, seconds: times[chosen].seconds, ratios }
}

/** The operator alone in one spelling; undefined where that spelling does not exist for the case. */
async function build(op, name, result, operands, fed, { attributes }) {
  try {
    const [spelled] = findOp(op).spellings[name](operands, attributes)
    if (!(spelled instanceof Tensor) || spelled.rank !== result.rank) return undefined
    return await engine.load(
      emitBytes(fed, { out: result }, { target: { ...target, spellings: { [op]: name } } }),
    )
  } catch (error) {
    if (error.name === 'UnfitSpelling') return undefined
    throw error
  }
}

const better = results.filter((r) => r.ratios[r.fastest] < MARGIN)
if (values.json) console.log(JSON.stringify({ machine: machine(), clock: values.clock, results }))
else {
  console.log(`time of each spelling / that of the chosen one, one thread; ${machine()}\n`)
  console.log(
    table(
      results.map((r) => ({
        operator: r.op,
        case: r.case,
        chosen: r.chosen,
        time: formatTime(r.seconds),
        fastest: r.fastest === r.chosen ? '' : r.fastest,
        'ratios to the chosen': Object.entries(r.ratios)
          .filter(([name]) => name !== r.chosen)
          .map(([name, v]) => `${name} ${v.toFixed(2)}`)
          .join(', '),
      })),
    ),
  )
  console.log(
    better.length
      ? `\na better choice by more than ${((1 - MARGIN) * 100).toFixed(0)} % in ${better.length} of ${results.length} cases`
      : '\nthe chosen spelling is the fastest, or within noise of it, in every case',
  )
}
