/**
 * The same input gradients here and on PyTorch, interleaved in one call: same weights, same inputs, same number of
 * threads, results compared first. Ratios are ours / PyTorch, below 1 = we are faster.
 *
 * node bench/peers/gradient.mjs [--net resnet-18]… [--batch 8]… [--threads 1] [--channels-last] [--rounds 9]
 *   [--seconds 0.5] [--clock wall|cpu] [--json]
 *
 * With more than one thread, ours is that many worker threads with a share of the batch each.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createEngine, rows } from '@saddlepoint/autodiff'
import { gradientGraph } from '../graphs.mjs'
import {
  cases,
  commonOptions,
  formatTime,
  interleaved,
  local,
  machine,
  measureOptions,
  ratio,
  table,
} from '../measure.mjs'
import { nets, samples, scratchFolder, writeNets } from '../nets.mjs'
import { Peer } from './peer.mjs'

const { values } = parseArgs({
  options: {
    ...commonOptions,
    threads: { type: 'string', default: '1' },
    'channels-last': { type: 'boolean', default: false },
  },
})
const threads = Number(values.threads)
if (threads > 1 && values.clock === 'cpu') throw new Error('--clock cpu is for one thread')

/** How many samples are compared before anything is timed. */
const CHECKED = 8

const folder = scratchFolder()
const peer = new Peer('gradient.py')
const engine = createEngine(threads > 1 ? { workers: threads } : { workers: 0 })
const { torch } = await peer.ask({ do: 'versions' })
const results = []

for (const { name, batch } of cases(nets, values)) {
  const given = samples(nets[name], batch)
  const path = writeNets(folder, [name])[name]
  const files = writeArrays(given)
  const program = await engine.load(await gradientGraph(name))
  const parts = shares(given, Math.min(threads, batch))
  const ours = () => Promise.all(parts.map((part) => program.run(part)))

  const peers = hasBatchNorm(path) ? ['torch', 'folded'] : ['torch']
  for (const as of peers)
    await peer.ask({
      do: 'load',
      as,
      net: name,
      path,
      fold: as === 'folded',
      channelsLast: values['channels-last'],
      shape: given.x.dims,
      ...files,
      threads,
    })
  const error = await difference(peers[0], name, program)
  const times = await interleaved(
    [
      local('ours', ours),
      ...peers.map((as) => ({ name: as, run: (steps) => peer.ask({ do: 'run', as, steps }) })),
    ],
    measureOptions(values),
  )
  results.push({
    net: name,
    batch,
    error,
    seconds: Object.fromEntries(Object.entries(times).map(([as, t]) => [as, t.seconds])),
    ratio: ratio(times.ours, times.torch),
    ...(times.folded && { ratioFolded: ratio(times.ours, times.folded) }),
  })
  for (const as of peers) await peer.ask({ do: 'drop', as })
  await program.release()
  if (!values.json) console.error(`${name}, batch ${batch}: ${results.at(-1).ratio.toFixed(2)}`)
}
peer.close()
await engine.close()

/** The batch in equal parts. */
function shares({ x, y }, count) {
  const batch = x.dims[0]
  return Array.from({ length: count }, (_, i) => {
    const [from, to] = [i, i + 1].map((k) => Math.round((k * batch) / count))
    return { x: rows(x, from, to), y: rows(y, from, to) }
  })
}

/** Smallest to largest over the samples. */
function spread(errors) {
  return [Math.min(...errors), Math.max(...errors)].map((e) => e.toExponential(0)).join('…')
}

function hasBatchNorm(path) {
  return readFileSync(path).includes('running_mean')
}

/**
 * Each sample's relative L2 distance from PyTorch in double precision: of our results, and of PyTorch's own in single
 * precision. A rounding that moves one ReLU over its kink changes a gradient by far more than itself, on either side.
 */
async function difference(as, name, program) {
  const { x, y } = samples(nets[name], CHECKED)
  const { logits, gradient } = await program.run({ x, y })
  const files = writeArrays({ x, y, logits, gradient })
  return peer.ask({ do: 'check', as, shape: x.dims, ...files })
}
function writeArrays(arrays) {
  return Object.fromEntries(
    Object.entries(arrays).map(([key, { data }]) => {
      const path = join(folder, key)
      writeFileSync(path, Buffer.from(data.buffer, data.byteOffset, data.byteLength))
      return [key, path]
    }),
  )
}

/** A wrong rule is wrong on every sample, a kink on some: the best sample must agree well, the worst not be far off. */
const equal = ({ logits, gradient }) =>
  Math.max(...logits.ours) < 1e-4 && Math.min(...gradient.ours) < 1e-3 && Math.max(...gradient.ours) < 0.1
const unequal = results.filter((r) => !equal(r.error))

if (values.json)
  console.log(
    JSON.stringify({
      machine: machine(),
      torch,
      threads,
      clock: values.clock,
      channelsLast: values['channels-last'],
      results,
    }),
  )
else {
  const layout = values['channels-last'] ? ', channels last' : ''
  console.log(`input gradient, ours / PyTorch ${torch}${layout}, ${threads} thread(s) each; ${machine()}\n`)
  console.log(
    table(
      results.map((r) => ({
        net: r.net,
        batch: r.batch,
        ours: formatTime(r.seconds.ours),
        PyTorch: formatTime(r.seconds.torch),
        'PyTorch, folded': r.seconds.folded ? formatTime(r.seconds.folded) : '–',
        'ours / PyTorch': r.ratio.toFixed(2),
        'ours / folded': r.ratioFolded?.toFixed(2) ?? '–',
        'error of ours': spread(r.error.gradient.ours),
        'of PyTorch’s': spread(r.error.gradient.own),
      })),
    ),
  )
}
for (const r of unequal) console.error(`${r.net}, batch ${r.batch}: our results differ from PyTorch’s`)
if (unequal.length) process.exitCode = 1
