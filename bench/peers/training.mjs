/**
 * One training step (batch made, gradient, update) here and on PyTorch, interleaved in one call: the same network from the
 * same first weights, batch, optimiser and inner attack, one thread each; losses of the first updates are compared first.
 * Ratios are ours / PyTorch, below 1 = we are faster.
 *
 * node bench/peers/training.mjs [--net mnist-cnn]… [--method standard|pgd-10]… [--optimiser adamw|sgd]… [--batch 128]
 *   [--shard 32] [--workers 1] [--channels-last] [--rounds 7] [--seconds 1] [--clock wall|cpu] [--json]
 *
 * --workers 0 runs on the calling thread. Without --shard the library's own choice is measured.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createEngine } from '@saddlepoint/autodiff'
import { adamW, adversarial, networks, sgd, standard, train } from 'saddlepoint'
import { commonOptions, formatTime, interleaved, machine, measureOptions, ratio, table } from '../measure.mjs'
import { samples, scratchFolder } from '../nets.mjs'
import { Peer } from './peer.mjs'

const { values } = parseArgs({
  options: {
    ...commonOptions,
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '1' },
    method: { type: 'string', multiple: true, default: ['standard', 'pgd-10'] },
    optimiser: { type: 'string', multiple: true, default: ['adamw'] },
    shard: { type: 'string' },
    workers: { type: 'string', default: '1' },
    'channels-last': { type: 'boolean', default: false },
  },
})

/** What is measured by default, and the radius of the inner attack. */
const cases = {
  'strided-cnn': { batch: 128, eps: 0.3 },
  'mnist-cnn': { batch: 128, eps: 0.3 },
  'madry-cnn': { batch: 128, eps: 0.3 },
  // The statistics of batch normalisation are over the whole batch on the other side.
  resnet18: { batch: 32, eps: 8 / 255, shard: 32 },
}
const shapes = (name) => ({ shape: networks[name].shape ?? [3, 32, 32], classes: 10 })

/** Hyperparameters of both sides, so that both take the same steps. */
const optimisers = {
  adamw: { ours: () => adamW({ weightDecay: 0.01 }), rate: 1e-3 },
  sgd: { ours: () => sgd({ momentum: 0.9, nesterov: true, weightDecay: 5e-4 }), rate: 1e-2 },
}

/** Without a random start, so that losses can be compared; a start costs next to nothing. */
function methodOf(text, eps) {
  if (text === 'standard') return { ours: standard(), steps: 0 }
  const [, steps] = /^pgd-(\d+)$/.exec(text) ?? []
  if (!steps) throw new Error(`--method is standard or pgd-STEPS, not ${text}`)
  return { ours: adversarial({ eps, steps: Number(steps), randomStart: false }), steps: Number(steps) }
}

/** The same parameter in a module of PyTorch's. */
const torchName = (name) =>
  name
    .replace('stem.norm', 'stem_norm')
    .replace(/\.scale$/, '.weight')
    .replace(/\.mean$/, '.running_mean')
    .replace(/\.variance$/, '.running_var')

/** Updates whose losses are compared. */
const COMPARED = 3

function deferred() {
  let [resolve, reject] = []
  const promise = new Promise((done, fail) => ([resolve, reject] = [done, fail]))
  return { promise, resolve, reject }
}

/** `train` as a whole, let go a number of updates at a time. */
class Ours {
  losses = []
  #left = 0
  #closed = deferred()
  #open = deferred()
  #done = new AbortController()

  constructor(options) {
    const engine = createEngine({ workers: Number(values.workers) })
    this.ending = train({
      ...options,
      epochs: 1e6,
      engine: this.#gated(engine),
      signal: this.#done.signal,
      onStep: ({ loss }) => {
        this.losses.push(loss)
        if (--this.#left === 0) this.#closed.resolve()
      },
    }).finally(() => engine.close())
    this.ending.catch((error) => this.#closed.reject(error))
  }

  /** Runs wait while no updates are wanted. */
  #gated(engine) {
    return new Proxy(engine, {
      get: (target, key) => {
        if (key !== 'load') return typeof target[key] === 'function' ? target[key].bind(target) : target[key]
        return async (...given) => {
          const program = await target.load(...given)
          return {
            run: async (...feeds) => {
              if (this.#left <= 0) await this.#open.promise
              return program.run(...feeds)
            },
            release: () => program.release(),
          }
        }
      },
    })
  }

  async run(steps) {
    this.#left = steps
    this.#closed = deferred()
    const cpu = process.cpuUsage()
    const from = process.hrtime.bigint()
    this.#open.resolve()
    await this.#closed.promise
    this.#open = deferred()
    const wall = Number(process.hrtime.bigint() - from) / 1e9
    const used = process.cpuUsage(cpu)
    return { wall, cpu: (used.user + used.system) / 1e6 }
  }

  async close() {
    this.#done.abort()
    this.#left = 1
    this.#open.resolve()
    await this.ending
  }
}

const folder = scratchFolder()
const file = (name, { buffer, byteOffset, byteLength }) => {
  const path = join(folder, name)
  writeFileSync(path, Buffer.from(buffer, byteOffset, byteLength))
  return path
}

const peer = new Peer('training.py')
const { torch } = await peer.ask({ do: 'versions' })
const results = []

for (const net of values.net ?? Object.keys(cases))
  for (const optimiser of values.optimiser)
    for (const text of values.method) {
      const { batch: usual, eps, shard = values.shard } = cases[net] ?? { batch: 128, eps: 8 / 255 }
      const batch = Number(values.batch?.[0] ?? usual)
      const { shape, classes } = shapes(net)
      const network = networks[net].make({ shape, classes, bounds: [0, 1] })
      const { x, y } = samples({ shape, classes }, batch)
      const method = methodOf(text, eps)
      const { ours: rule, rate } = optimisers[optimiser]
      const parameters = network.initialise(0)
      await peer.ask({
        do: 'load',
        net,
        classes,
        optimiser,
        rate,
        eps,
        steps: method.steps,
        shape: x.dims,
        x: file('x', x.data),
        y: file('y', y.data),
        channelsLast: values['channels-last'],
        parameters: Object.fromEntries(
          Object.entries(parameters).map(([name, { dims, data }]) => [
            torchName(name),
            { dims, path: file(`parameters.${name}`, data) },
          ]),
        ),
      })
      // As many samples as a batch has: every batch is the same samples, in another order.
      const ours = new Ours({
        network,
        data: { images: x, labels: y },
        method: method.ours,
        optimiser: rule(),
        rate,
        batch,
        seed: 0,
        ...(shard && { shard: net === 'resnet18' ? batch : Number(shard) }),
      })
      await ours.run(COMPARED)
      const { losses } = await peer.ask({ do: 'run', steps: COMPARED })
      const times = await interleaved(
        [
          { name: 'ours', run: (steps) => ours.run(steps) },
          { name: 'torch', run: (steps) => peer.ask({ do: 'run', steps }) },
        ],
        measureOptions(values),
      )
      const mine = ours.losses.slice(0, COMPARED)
      await ours.close()
      results.push({
        net,
        method: text,
        optimiser,
        batch,
        losses: { ours: mine, torch: losses },
        seconds: { ours: times.ours.seconds, torch: times.torch.seconds },
        ratio: ratio(times.ours, times.torch),
      })
      if (!values.json) console.error(`${net}, ${text}, ${optimiser}: ${results.at(-1).ratio.toFixed(2)}`)
    }
peer.close()

const shown = (losses) => losses.map((v) => v.toFixed(4)).join(' ')
/** Dropout draws other numbers on each side; rounding grows from update to update. */
const unequal = results.filter(
  ({ net, losses }) =>
    net !== 'mnist-cnn' && losses.ours.some((v, i) => Math.abs(v - losses.torch[i]) > 0.02 * losses.torch[i]),
)

if (values.json) console.log(JSON.stringify({ machine: machine(), torch, clock: values.clock, results }))
else {
  const layout = values['channels-last'] ? ', channels last' : ''
  console.log(
    `training step, ours / PyTorch ${torch}${layout}, one thread each, ${values.clock} time; ${machine()}\n`,
  )
  console.log(
    table(
      results.map((r) => ({
        net: r.net,
        method: r.method,
        optimiser: r.optimiser,
        batch: r.batch,
        ours: formatTime(r.seconds.ours),
        PyTorch: formatTime(r.seconds.torch),
        'ours / PyTorch': r.ratio.toFixed(2),
        'losses of ours': shown(r.losses.ours),
        'of PyTorch’s': shown(r.losses.torch),
      })),
    ),
  )
}
for (const r of unequal) console.error(`${r.net}, ${r.method}: our losses differ from PyTorch’s`)
if (unequal.length) process.exitCode = 1
