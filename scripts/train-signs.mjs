#!/usr/bin/env node
/**
 * Trains the two bundled classifiers of traffic signs with this project's own engine:
 *
 *   node scripts/train-signs.mjs --model standard --out models
 *   node scripts/train-signs.mjs --model robust --workers 16 --time-limit 540 --out models
 *
 * Writes signs-NAME.onnx, a log signs-NAME.json and, while it runs, a checkpoint signs-NAME.ckpt to go on from with
 * --resume. Needs the built packages only.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createEngine } from '@saddlepoint/autodiff'
import {
  adamW,
  adversarial,
  checkExport,
  classifier,
  countParameters,
  cyclic,
  decodeState,
  encodeState,
  evaluate,
  exportNetwork,
  jitter,
  linf,
  pgd,
  sgd,
  signClasses,
  signCnn,
  signSeeds,
  standard,
  train,
} from 'saddlepoint'
import { drawSigns } from './train-signs-data.mjs'

// Robust overfitting (Rice, Wong, Kolter 2020) is cured by more pictures, and these cost little. Drawn pictures already
// vary in place and light: short runs of the standard model ended alike with and without jitter.
const defaults = {
  standard: { epochs: 8, pictures: 100_000, augment: 'none' },
  robust: { epochs: 10, pictures: 100_000, augment: 'jitter' },
}

const { values: given } = parseArgs({
  options: {
    model: { type: 'string', default: 'standard' },
    out: { type: 'string', default: '.' },
    seed: { type: 'string', default: '1' },
    pictures: { type: 'string' },
    'held-out': { type: 'string', default: '1024' },
    epochs: { type: 'string' },
    batch: { type: 'string', default: '256' },
    shard: { type: 'string' },
    rate: { type: 'string' },
    peak: { type: 'string', default: '0.2' },
    width: { type: 'string', default: '32' },
    depth: { type: 'string', default: '2' },
    optimiser: { type: 'string', default: 'adamw' },
    eps: { type: 'string', default: '8/255' },
    steps: { type: 'string', default: '5' },
    'weight-decay': { type: 'string' },
    'label-smoothing': { type: 'string', default: '0' },
    average: { type: 'string', default: '0.995' },
    augment: { type: 'string' },
    'warm-up': { type: 'string', default: '0.2' },
    provider: { type: 'string', default: 'cpu' },
    workers: { type: 'string' },
    threads: { type: 'string', default: '1' },
    'time-limit': { type: 'string' },
    'stop-after': { type: 'string' },
    resume: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

if (given.help || !(given.model in defaults) || !['adamw', 'sgd'].includes(given.optimiser)) {
  console.log(`usage: train-signs.mjs --model standard|robust [options]

  --out DIR            where the model, log and checkpoint go (.)
  --pictures N         training pictures (${defaults.robust.pictures})
  --held-out N         pictures of the validation split to measure on (1024)
  --epochs N           passes over them (standard ${defaults.standard.epochs}, robust ${defaults.robust.epochs})
  --batch N --shard N  samples per update (256), and per run of a worker (batch / workers)
  --rate R --peak P    peak learning rate (adamw 0.002, sgd 0.1), and when it is reached, as a share of the run (0.2)
  --weight-decay R     (adamw 0.05, sgd 5e-4)
  --label-smoothing S  (0)
  --average D          decay of the moving average of the parameters that is kept, 0 for none (0.995)
  --augment A          jitter or none (standard none, robust jitter)
  --eps E --steps N    radius and steps of the inner attack (8/255, 5)
  --warm-up S          share of the run over which the radius grows (0.2)
  --width N --depth N  channels of the network's first stage (32), blocks in the first stages (2)
  --optimiser O        adamw or sgd (adamw)
  --workers N          worker threads (processors / threads)
  --threads N          threads of each worker; more workers are faster than more threads (1)
  --provider P         cpu, webgpu or cuda (cpu)
  --time-limit S       run the schedule faster than --epochs asks for, so that it ends within S seconds
  --stop-after S       stop after S seconds, wherever the schedule is; go on with --resume
  --resume FILE        go on from a checkpoint, with the same options
  --seed N             (1)`)
  process.exit(given.help ? 0 : 2)
}

const number = (name, fallback) => {
  const text = given[name] ?? fallback
  if (text === undefined) return undefined
  const [a, b = 1] = String(text).split('/').map(Number)
  if (!Number.isFinite(a / b)) {
    console.error(`--${name} should be a number, got "${text}"`)
    process.exit(2)
  }
  return a / b
}

// All are read once here, so that a slip is reported before the work begins.
const words = ['model', 'out', 'augment', 'provider', 'optimiser', 'resume', 'help']
for (const name of Object.keys(given)) if (!words.includes(name)) number(name)

const robust = given.model === 'robust'
const preset = defaults[given.model]
const eps = number('eps')
const seed = number('seed')
const batch = number('batch')
const rate = number('rate', given.optimiser === 'sgd' ? 0.1 : 0.002)
const threads = number('threads')
const workers = number('workers', Math.max(Math.floor(availableParallelism() / threads), 1))
const shard = number('shard', Math.min(64, Math.max(8, Math.ceil(batch / Math.max(workers, 1)))))
const pictures = number('pictures', preset.pictures)
const heldOut = number('held-out')
const weightDecay = number('weight-decay', given.optimiser === 'sgd' ? 5e-4 : 0.05)
const labelSmoothing = number('label-smoothing')

const file = (ending) => join(given.out, `signs-${given.model}.${ending}`)
/** A reader never sees half a file. */
const write = (path, content) => {
  writeFileSync(`${path}.part`, content)
  renameSync(`${path}.part`, path)
}
mkdirSync(given.out, { recursive: true })

const began = performance.now()
const seconds = () => (performance.now() - began) / 1000
const say = (text) => console.log(`${seconds().toFixed(0).padStart(5)} s  ${text}`)
const percent = (share) => `${(100 * share).toFixed(2)} %`

const network = signCnn({ classes: signClasses.length, width: number('width'), depth: number('depth') })
const attacked = adversarial({ eps, steps: 10 })
const method = robust
  ? adversarial({ eps, steps: number('steps'), labelSmoothing })
  : standard({ labelSmoothing })
const resumed = given.resume && decodeState(readFileSync(given.resume))
const log = { options: { ...given, shard, pictures }, epochs: resumed ? resumed.notes.epochs : [] }

say(`${network.name}: ${countParameters(network.parameters)} parameters, ${method.name} training`)
const data = await drawSigns({ seed: signSeeds.train, count: pictures, threads: Math.max(workers, 1) })
const validation = await drawSigns({
  seed: signSeeds.validation,
  count: heldOut,
  threads: Math.max(workers, 1),
})
say(`drew ${pictures} + ${heldOut} pictures`)

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop.abort())
const engine = createEngine({
  provider: given.provider,
  workers,
  threads,
  onNotice: (text) => say(text),
})

let spoken = performance.now()
let kept = performance.now()
const keep = (state) => {
  write(file('ckpt'), encodeState(state, { epochs: log.epochs, options: log.options }))
  kept = performance.now()
}
/** Drawing counts towards the limits: they are promises about the whole run but for the last measurement. */
const left = (name) => (given[name] === undefined ? undefined : Math.max(number(name) - seconds(), 1))

const result = await train({
  network,
  data,
  method,
  optimiser: given.optimiser === 'sgd' ? sgd({ weightDecay }) : adamW({ weightDecay }),
  rate,
  schedule: cyclic({ peak: number('peak') }),
  epochs: number('epochs', preset.epochs),
  batch,
  shard,
  seed,
  engine,
  augment: (given.augment ?? preset.augment) === 'jitter' ? jitter() : undefined,
  averageDecay: number('average'),
  clipNorm: 1,
  strengthWarmUp: robust ? number('warm-up') : 0,
  timeLimitSeconds: left('time-limit'),
  stopAfterSeconds: left('stop-after'),
  state: resumed ? resumed.state : undefined,
  validation: {
    data: { images: validation.images, labels: validation.labels },
    method: attacked,
  },
  signal: stop.signal,
  onStep: ({ epoch, done, rate: current, loss, accuracy, samplesPerSecond, state }) => {
    if (performance.now() - kept > 60_000) keep(state)
    if (performance.now() - spoken < 10_000) return
    spoken = performance.now()
    say(
      `epoch ${epoch}, ${percent(done)} done: loss ${loss.toFixed(3)}, accuracy ${percent(accuracy)}, ` +
        `rate ${current.toFixed(4)}, ${samplesPerSecond.toFixed(0)} samples/s`,
    )
  },
  onEpoch: ({ state, ...epoch }) => {
    log.epochs.push({ ...epoch, seconds: seconds() })
    keep(state)
    say(
      `epoch ${epoch.epoch} ended, ${percent(epoch.done)} done: loss ${epoch.loss.toFixed(3)}, ` +
        `training ${percent(epoch.accuracy)}; held out: clean ${percent(epoch.validation.clean)}, ` +
        `PGD-10 ${percent(epoch.validation.attacked)}; ${epoch.samplesPerSecond.toFixed(0)} samples/s`,
    )
  },
}).catch((error) => {
  if (error.state) keep(error.state)
  console.error(`${error.name}: ${error.message}`)
  process.exit(1)
})

keep(result.state)
const bytes = exportNetwork(network, result.parameters, {
  metadata: { classes: JSON.stringify(signClasses), bounds: '[0, 1]', method: method.name },
})
const difference = await checkExport(bytes, network, result.parameters, { engine })
write(file('onnx'), bytes)
say(
  `${result.finished ? 'finished' : 'stopped before its end'}; wrote ${file('onnx')}, ${bytes.length} bytes, ` +
    `scores within ${difference.toExponential(1)} of the training graph`,
)

const model = await classifier(bytes, { name: `signs-${given.model}`, engine, classNames: signClasses })
const { result: measured } = await evaluate(
  model,
  {
    name: 'signs, validation split',
    length: heldOut,
    labels: Array.from(validation.labels.data, Number),
    batch: async (from, to) => validation.floats(from, to),
  },
  {
    perturbations: [linf],
    eps: [eps],
    attacks: [pgd({ steps: 20 }), pgd({ steps: 40, restarts: 5 })],
    gallery: 0,
  },
)
log.finished = result.finished
log.seconds = seconds()
log.sha256 = createHash('sha256').update(bytes).digest('hex')
log.cleanAccuracy = measured.cleanAccuracy
log.robust = measured.results.map(({ norm, eps: radius, robustAccuracy, interval, attacks }) => ({
  norm,
  eps: radius,
  robustAccuracy,
  interval,
  attacks: Object.values(attacks).map((a) => ({ options: a.options, robustAccuracy: a.robustAccuracy })),
}))
write(file('json'), `${JSON.stringify(log, undefined, 2)}\n`)
say(`clean ${percent(measured.cleanAccuracy)} on ${heldOut} held-out pictures`)
for (const { robustAccuracy, attacks } of measured.results) {
  for (const [name, a] of Object.entries(attacks)) {
    const { steps, restarts } = a.options
    say(`${name}, ${steps} steps × ${restarts}: ${percent(a.robustAccuracy)}`)
  }
  say(`worst case at Linf ${given.eps}: ${percent(robustAccuracy)}`)
}
await engine.close()
