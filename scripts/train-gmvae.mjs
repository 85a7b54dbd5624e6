#!/usr/bin/env node
/**
 * Trains a Gaussian-mixture VAE on MNIST and prints what its thresholds and its decoder do under FGSM:
 *
 *   node scripts/train-gmvae.mjs --data mnist --images 5000 --epochs 10 --out gmvae.onnx
 *   node scripts/train-gmvae.mjs --data mnist --images 60000 --labels 1000
 *
 * `--data` is a folder with the four gzipped IDX files. Needs the built packages only.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { createEngine, int64, ndarray, rows, takeRows } from '@saddlepoint/autodiff'
import {
  adamW,
  checkGmVaeExport,
  classifier,
  cyclic,
  elbo,
  exportGmVae,
  exportNetwork,
  fgsm,
  fitThresholds,
  gmVaeDetector,
  linf,
  margin,
  measureDetection,
  misclassified,
  mnistGmVae,
  pgd,
  prepare,
  selective,
  train,
  UNLABELLED,
} from 'saddlepoint'

const { values: given } = parseArgs({
  options: {
    data: { type: 'string' },
    images: { type: 'string', default: '5000' },
    labels: { type: 'string' },
    'labelled-weight': { type: 'string', default: '10' },
    test: { type: 'string', default: '1000' },
    attacked: { type: 'string', default: '200' },
    epochs: { type: 'string', default: '10' },
    rate: { type: 'string', default: '0.002' },
    rejected: { type: 'string', default: '0.01' },
    steps: { type: 'string', default: '40' },
    seed: { type: 'string', default: '1' },
    workers: { type: 'string', default: '2' },
    out: { type: 'string' },
  },
})
if (!given.data) throw new Error('--data: the folder with the IDX files of MNIST')
const number = (name) => Number(given[name])

/** The first samples of a part of MNIST. */
function mnist(part, count) {
  const read = (kind) => gunzipSync(readFileSync(join(given.data, `${part}-${kind}-ubyte.gz`)))
  const images = read('images-idx3').subarray(16, 16 + count * 784)
  const labels = read('labels-idx1').subarray(8, 8 + count)
  const found = labels.length
  return {
    images: ndarray('uint8', [found, 1, 28, 28], new Uint8Array(images)),
    labels: int64([found], Array.from(labels)),
  }
}

/** Only the first `count` samples keep their label. */
const partlyLabelled = ({ images, labels }, count) => ({
  images,
  labels: int64(
    labels.dims,
    Array.from(labels.data, (y, i) => (i < count ? Number(y) : UNLABELLED)),
  ),
})
const scaled = (images) => ({
  type: 'float32',
  dims: images.dims,
  data: Float32Array.from(images.data, (v) => v / 255),
})
const percent = (v) => `${(100 * v).toFixed(2)} %`

const seed = number('seed')
const vae = mnistGmVae()
const all = mnist('train', number('images'))
const data = given.labels ? partlyLabelled(all, number('labels')) : all
const engine = createEngine({ workers: number('workers') })
const began = performance.now()
const { parameters } = await train({
  network: vae,
  data,
  method: elbo(vae, given.labels ? { labelledWeight: number('labelled-weight') } : {}),
  strengthWarmUp: given.labels ? 0.5 : 0,
  optimiser: adamW({ weightDecay: 0 }),
  rate: number('rate'),
  schedule: cyclic(),
  epochs: number('epochs'),
  batch: 64,
  shard: 32,
  seed,
  engine,
  onEpoch: ({ epoch, loss, accuracy }) =>
    console.log(`epoch ${epoch}: loss ${loss.toFixed(2)}, accuracy ${percent(accuracy)}`),
})
console.log(
  `trained on ${data.images.dims[0]} images in ${((performance.now() - began) / 1000).toFixed(0)} s`,
)
const thresholds = await fitThresholds(vae, parameters, data, { rejected: number('rejected'), engine })

const file = exportGmVae(vae, parameters, thresholds)
await checkGmVaeExport(file, vae, parameters, thresholds, { engine })
const reclassifying = (prior) =>
  exportGmVae(vae, parameters, thresholds, { reclassification: { steps: number('steps'), prior } })
// The paper looks for P(x|z) alone; on training images that were held out, the prior of the class recovered more.
const whole = reclassifying(1)
if (given.out) writeFileSync(given.out, whole)
const decision = await engine.load(file)
const decoders = { likelihood: await engine.load(reclassifying(0)), posterior: await engine.load(whole) }

/** Outputs of a file for many samples. */
async function ask(program, x) {
  const parts = []
  for (let from = 0; from < x.dims[0]; from += 50)
    parts.push(await program.run({ input: rows(x, from, Math.min(from + 50, x.dims[0])) }))
  return Object.fromEntries(
    Object.keys(parts[0]).map((name) => [name, parts.flatMap((p) => Array.from(p[name].data, Number))]),
  )
}
const row = (name, f) =>
  console.log(
    `${name.padEnd(14)} error without thresholds ${percent(f.errorWithoutThresholds)}, with ${percent(f.error)}, ` +
      `rejected ${percent(f.rejection)}, accuracy ${percent(f.accuracy)} of ${f.samples}`,
  )

/** What the decoder alone makes of the samples that were rejected. */
async function recovered(x, labels, found) {
  const chosen = found.reject.flatMap((rejected, i) => (rejected ? [i] : []))
  if (!chosen.length) return console.log('  nothing was rejected')
  const own = chosen.map((i) => labels[i])
  for (const [name, program] of Object.entries(decoders)) {
    const again = await ask(program, takeRows(x, chosen))
    row(`  by ${name}`, selective({ label: again.reclassifiedLabel, reject: again.reclassifiedReject }, own))
  }
}

const test = mnist('t10k', number('test'))
const x = scaled(test.images)
const labels = Array.from(test.labels.data, Number)
const clean = await ask(decision, x)
row('clean', selective(clean, labels))
await recovered(x, labels, clean)

const model = await classifier(exportNetwork(vae, parameters), { engine })
const attacked = Math.min(number('attacked'), labels.length)
const part = rows(x, 0, attacked)
const samples = Array.from({ length: attacked }, (_, i) => i)
// Scores of two classes lie 100 and more apart: the derivative of cross-entropy is 0 there in single precision, and an attack
// on it stands still.
const attack = await prepare(fgsm(), {
  model,
  perturbation: linf,
  criterion: misclassified,
  loss: margin,
  engine,
})
for (const eps of [0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3]) {
  const batch = { x: part, labels: labels.slice(0, attacked), samples, eps: samples.map(() => eps) }
  const { adversarials } = eps ? await attack.run(batch, { seed }) : { adversarials: part }
  const found = await ask(decision, adversarials)
  row(`fgsm ${eps}`, selective(found, batch.labels))
  if (eps === 0.3) await recovered(adversarials, batch.labels, found)
}

const detector = gmVaeDetector(vae, parameters, thresholds)
const { attacks } = await measureDetection(
  model,
  detector,
  {
    name: 'mnist',
    length: attacked,
    labels,
    batch: (from, to) => Promise.resolve(rows(part, from, Math.min(to, attacked))),
  },
  {
    attacks: [pgd({ loss: 'margin' })],
    perturbation: linf,
    eps: 0.3,
    thresholds: [{ falsePositiveRate: number('rejected'), threshold: 1 }],
    seed,
  },
)
for (const [name, { naive, adaptive }] of Object.entries(attacks))
  console.log(
    `${name} at 0.3, of the samples classified right: fools and is let through ${percent(naive[0].evasionRate)} ` +
      `if it knows no thresholds, ${percent(adaptive[0].evasionRate)} if it knows both`,
  )
await engine.close()
