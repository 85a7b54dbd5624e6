/**
 * What an input gradient costs: the gradient graph (forward and backward) against our own forward graph, interleaved.
 *
 * node bench/gradient.mjs [--net resnet-18]… [--batch 8]… [--spelling Op=name]… [--rounds 9] [--seconds 0.5]
 *   [--clock wall|cpu] [--json]
 */
import { parseArgs } from 'node:util'
import { createEngine } from '@saddlepoint/autodiff'
import { forwardGraph, gradientGraph } from './graphs.mjs'
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
} from './measure.mjs'
import { nets, samples } from './nets.mjs'

const { values } = parseArgs({ options: { ...commonOptions, spelling: { type: 'string', multiple: true } } })
const spellings = values.spelling && Object.fromEntries(values.spelling.map((s) => s.split('=')))
const engine = createEngine({ workers: 0, threads: 1 })
const results = []

for (const { name, batch } of cases(nets, values)) {
  const { x, y } = samples(nets[name], batch)
  const forward = await engine.load(await forwardGraph(name))
  const gradient = await engine.load(await gradientGraph(name))
  const respelled = spellings && (await engine.load(await gradientGraph(name, spellings)))
  const candidates = [
    local('forward', () => forward.run({ x })),
    local('gradient', () => gradient.run({ x, y })),
    ...(respelled ? [local('respelled', () => respelled.run({ x, y }))] : []),
  ]
  const times = await interleaved(candidates, measureOptions(values))
  results.push({
    net: name,
    batch,
    forward: times.forward.seconds,
    gradient: times.gradient.seconds,
    ratio: ratio(times.gradient, times.forward),
    ...(respelled && { respelled: ratio(times.respelled, times.gradient) }),
  })
  for (const program of [forward, gradient, respelled]) await program?.release()
  if (!values.json) console.error(`${name}, batch ${batch}: ${results.at(-1).ratio.toFixed(2)}`)
}

if (values.json) console.log(JSON.stringify({ machine: machine(), clock: values.clock, spellings, results }))
else {
  console.log(`gradient / forward, one thread, ${values.clock} time; ${machine()}\n`)
  console.log(
    table(
      results.map((r) => ({
        net: r.net,
        batch: r.batch,
        forward: formatTime(r.forward),
        gradient: formatTime(r.gradient),
        'gradient / forward': r.ratio.toFixed(2),
        ...(spellings && { [`${values.spelling.join(' ')} / chosen`]: r.respelled.toFixed(2) }),
      })),
    ),
  )
}
await engine.close()
