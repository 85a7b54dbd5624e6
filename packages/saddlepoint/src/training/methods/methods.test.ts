import {
  compile,
  constant,
  createEngine,
  float32,
  int64,
  matMul,
  scalar,
  type Tensor,
} from '@saddlepoint/autodiff'
import { afterAll, describe, expect, test } from 'vitest'
import { accuracyOf } from '../accuracy.ts'
import { probeOverfitting } from '../catastrophic-overfitting.ts'
import { network } from '../network.ts'
import { layer, linear } from '../layers.ts'
import { adamW, sgd } from '../optimisers.ts'
import { fill } from '../parameters.ts'
import { cyclic } from '../schedules.ts'
import { decodeState, encodeState } from '../state.ts'
import { latentOf, perturbations } from '../../perturbations/index.ts'
import { mlp } from '../networks/mlp.ts'
import { linearNetwork, strongAndWeak } from '../toy.test.support.ts'
import type { TrainOptions } from '../train-options.ts'
import { train } from '../train.ts'
import { UNLABELLED } from '../unlabelled.ts'
import { adversarial } from './adversarial.ts'
import { fast } from './fast.ts'
import { fgsmTraining } from './fgsm.ts'
import { free } from './free.ts'
import { gradientAlignment } from './gradient-alignment.ts'
import { mart } from './mart.ts'
import { MethodOptionError, type MethodContext, type TrainingMethod } from './method.ts'
import { parseMethod } from './registry.ts'
import { trades } from './trades.ts'
import { vat } from './vat.ts'
import { yopo } from './yopo.ts'

const engine = createEngine({ workers: 0 })
afterAll(() => engine.close())

const toy: Omit<TrainOptions, 'method'> = {
  network: linearNetwork,
  data: strongAndWeak(2048, 1),
  optimiser: adamW(),
  rate: 0.03,
  schedule: cyclic({ peak: 0.2 }),
  epochs: 6,
  batch: 64,
  shard: 64,
  seed: 7,
  engine,
}
const attack = adversarial({ eps: 0.5, steps: 5 })

/** On the weak features alone a classifier is right, and falls to the attack: what is robust has let go of them. */
test.each([
  'adversarial:steps=3',
  'fgsm',
  'fast',
  'grad-align',
  'free:replays=4',
  'atta',
  'trades:steps=3',
  'mart:steps=3',
  'awp:steps=3',
  'yopo:propagations=2,layerSteps=3',
  'against:sets=linf@0.5+l2@1,steps=3',
])('%s makes robust', async (text) => {
  const method = parseMethod(text, { eps: 0.5 })
  const epochs = toy.epochs / Math.min(method.replays, 2)
  const { parameters } = await train({ ...toy, method, epochs })
  const data = strongAndWeak(512, 2)
  const found = await accuracyOf({
    network: linearNetwork,
    parameters,
    data,
    method: attack,
    engine,
    shard: 64,
  })
  expect(found.clean).toBeGreaterThan(0.8)
  expect(found.attacked).toBeGreaterThan(0.75)
})

/** A linear network of two classes, logits [0, w·x]. */
const w = [1, -2, 0.5]
const known = network({
  name: 'known',
  shape: [3],
  classes: 2,
  bounds: [-10, 10],
  body: linear('head', 3, 2),
})
const x = [0.2, 0.1, -0.4]
const score = w.reduce((s, v, i) => s + v * x[i]!, 0)
const softplus = (v: number) => Math.log1p(Math.exp(v))
const sigmoid = (v: number) => 1 / (1 + Math.exp(-v))
/** KL of the Bernoulli distributions with log-odds a and b. */
const divergence = (a: number, b: number) => {
  const [p, q] = [sigmoid(a), sigmoid(b)]
  return p * Math.log(p / q) + (1 - p) * Math.log((1 - p) / (1 - q))
}

/** The objective of a method for a sample of class 1. */
async function lossOf(
  method: TrainingMethod,
  { sample = x, label = 1, weight = 1, noise: drawn = [0.3, 0.7, 0.2], bounds = known.bounds } = {},
): Promise<number> {
  const run = compile(
    (samples: Tensor, labels: Tensor, matrix: Tensor, bias: Tensor, strength: Tensor, noise: Tensor) => {
      const parameters = { 'head.weight': matrix, 'head.bias': bias }
      const logits: MethodContext['logits'] = (s, p = parameters) => known.logits(p, s)
      return method.objective({
        x: samples,
        labels,
        parameters,
        bounds,
        random: { uniform: () => noise, normal: () => noise },
        strength,
        labelledWeight: scalar(weight),
        logits,
        evaluate: logits,
        halves: () => ({ first: (v) => logits(v), rest: (v) => v }),
        memory: () => samples.mul(0),
      }).loss
    },
    {
      engine,
      specs: [
        { shape: [-1, 3] },
        { shape: [-1], type: 'int64' },
        { shape: [2, 3] },
        { shape: [2] },
        { shape: [] },
        { shape: [-1, drawn.length] },
      ],
    },
  )
  const zero = float32([2], [0, 0])
  const matrix = float32([2, 3], [0, 0, 0, ...w])
  const result = await run(
    float32([1, 3], sample),
    int64([1], [label]),
    matrix,
    zero,
    1,
    float32([1, drawn.length], drawn),
  )
  await run.release()
  return Number(result.data[0])
}

describe('the objective on a linear network is the closed form', () => {
  const l1 = w.reduce((s, v) => s + Math.abs(v), 0)
  const eps = 0.3
  test('adversarial', async () => {
    expect(await lossOf(adversarial({ eps, steps: 4 }))).toBeCloseTo(softplus(-(score - eps * l1)), 4)
    expect(await lossOf(fgsmTraining({ eps }))).toBeCloseTo(softplus(-(score - eps * l1)), 4)
  })
  test('fast: a step of 1.25 eps from a point that may lie outside of the bounds', async () => {
    // All start at −eps; the one whose weight is negative steps up to eps / 4, the others are cut at the bound.
    const black = { sample: [0, 0, 0], noise: [0, 0, 0], bounds: [0, 1] as const }
    expect(await lossOf(fast({ eps }), black)).toBeCloseTo(softplus((2 * eps) / 4), 4)
  })
  test('grad-align: fast alone where the gradient points the same way everywhere', async () => {
    expect(await lossOf(gradientAlignment({ eps, weight: 5 }))).toBeCloseTo(await lossOf(fast({ eps })), 4)
  })
  test('trades: the prediction turned as far as it goes', async () => {
    // Up or down, whichever the start beside the sample lies towards: 0.3 − 1.4 + 0.1 is down.
    const turned = divergence(score, score - eps * l1)
    expect(await lossOf(trades({ eps, steps: 4, beta: 3 }))).toBeCloseTo(softplus(-score) + 3 * turned, 3)
  })
  test('yopo: the mean over the points where its full passes are made', async () => {
    const start = [0.3, 0.7, 0.2].map((u) => (2 * u - 1) * eps)
    const first = score + start.reduce((s, v, i) => s + v * w[i]!, 0)
    const wanted = (softplus(-first) + softplus(-(score - eps * l1))) / 2
    expect(await lossOf(yopo({ eps, propagations: 2, layerSteps: 5 }))).toBeCloseTo(wanted, 4)
  })
  test('against: the worst of its sets, or their mean', async () => {
    const ends = [eps * l1, 2 * Math.hypot(...w)].map((reach) => softplus(-(score - reach)))
    const sets = 'linf@0.3+l2@2'
    const found = (combine: string) =>
      lossOf(parseMethod(`against:sets=${sets},combine=${combine},randomStart=false`))
    expect(await found('max')).toBeCloseTo(Math.max(...ends), 3)
    expect(await found('average')).toBeCloseTo((ends[0]! + ends[1]!) / 2, 3)
  })
  test('adversarial on the manifold of a generator: only what it can draw', async () => {
    const [direction, column] = [
      [1, 3],
      [3, 1],
    ].map((dims) => constant(float32(dims, [0.5, 0.25, -1])))
    const sample = [0.25, 0.125, -0.5]
    const perturbation = latentOf({
      decode: (z) => matMul(z, direction!),
      encode: (v) => matMul(v, column!).div(1.3125),
    })
    const clean = sample.reduce((s, v, i) => s + v * w[i]!, 0)
    const slope = w[0]! * 0.5 + w[1]! * 0.25 - w[2]!
    const found = await lossOf(adversarial({ perturbation, eps, steps: 4 }), { sample, noise: [0.7] })
    expect(found).toBeCloseTo(softplus(-(clean - eps * Math.abs(slope))), 4)
  })
  test('mart', async () => {
    const worst = score - eps * l1
    const boosted = softplus(-worst) - Math.log(1 + 1e-4 - sigmoid(-worst))
    const wanted = boosted + 2 * divergence(score, worst) * (1 - sigmoid(score))
    expect(await lossOf(mart({ eps, steps: 4, lambda: 2 }))).toBeCloseTo(wanted, 3)
  })
  test('noise: the sample moved by the draw, beyond the bounds too', async () => {
    const moved = score + 2 * (w[0]! * 0.3 + w[1]! * 0.7 + w[2]! * 0.2)
    const method = parseMethod('noise:sigma=2')
    expect(await lossOf(method, { bounds: [-0.5, 0.5] })).toBeCloseTo(softplus(-moved), 4)
  })
  test('smooth-adv: the worst point of the ball, moved by the draw', async () => {
    const drawn = 0.1 * (w[0]! * 0.3 + w[1]! * 0.7 + w[2]! * 0.2)
    const method = parseMethod('smooth-adv:sigma=0.1,draws=3,steps=2', { eps })
    expect(await lossOf(method)).toBeCloseTo(softplus(-(score - eps * Math.hypot(...w) + drawn)), 4)
  })
  test('vat: the direction of the weights, to the length of eps', async () => {
    const l2 = Math.hypot(...w)
    const ends = [score - eps * l2, score + eps * l2].map((s) => softplus(-score) + divergence(score, s))
    const found = await lossOf(vat({ eps }))
    expect(Math.min(...ends.map((e) => Math.abs(e - found)))).toBeLessThan(1e-3)
  })
  test.each([vat({ eps }), trades({ eps })])(
    '%# without a class only the second term is left',
    async (method) => {
      const [whole, twice, rest] = await Promise.all(
        [{}, { weight: 2 }, { label: UNLABELLED, weight: 2 }].map((given) => lossOf(method, given)),
      )
      expect(whole! - rest!).toBeCloseTo(softplus(-score), 5)
      expect(twice! - rest!).toBeCloseTo(2 * softplus(-score), 5)
    },
  )
  test('vat with the entropy of the prediction', async () => {
    const p = sigmoid(score)
    const entropy = -p * Math.log(p) - (1 - p) * Math.log(1 - p)
    const [plain, more] = await Promise.all([0, 3].map((weight) => lossOf(vat({ eps, entropy: weight }))))
    expect(more! - plain!).toBeCloseTo(3 * entropy, 5)
  })
})

test('free and atta go on from a checkpoint as if they had not stopped', async () => {
  for (const text of ['free:replays=3', 'atta:resetEpochs=1']) {
    const options = {
      ...toy,
      data: strongAndWeak(256, 1),
      method: parseMethod(text, { eps: 0.5 }),
      epochs: 2,
    }
    const whole = await train(options)
    const stop = new AbortController()
    const half = await train({
      ...options,
      signal: stop.signal,
      onStep: ({ step }) => step === 5 && stop.abort(),
    })
    expect(half.state.step).toBe(5)
    const { state } = decodeState(encodeState(half.state))
    expect((await train({ ...options, state })).parameters).toEqual(whole.parameters)
  }
})

test('free makes m updates on each batch', async () => {
  const method = free({ eps: 0.1, replays: 3 })
  const { state } = await train({ ...toy, data: strongAndWeak(256, 1), method, epochs: 2 })
  expect(state.step).toBe((256 / 64) * 3 * 2)
})

const radii = { l2: 0.1, l0: 3, rotation: 10, flow: 0.1, patch: 0.1 }
test.each(Object.entries(radii))('the inner attack takes the set %s', async (norm, eps) => {
  const shape = [3, 8, 8]
  const images = Float32Array.from({ length: 4 * 192 }, (_, i) => ((i * 7919) % 101) / 100)
  const data = { images: float32([4, ...shape], images), labels: int64([4], [0, 1, 0, 1]) }
  const net = mlp({ shape, classes: 2, hidden: [4] })
  const method = parseMethod('adversarial:steps=1', { perturbation: perturbations[norm]!, eps })
  const { epochs } = await train({ ...toy, network: net, data, method, epochs: 1, batch: 4, shard: 4 })
  expect(epochs[0]!.loss).toBeGreaterThan(0)
})

test('yopo needs a sequence of layers', async () => {
  const method = yopo({ eps: 0.1 })
  await expect(train({ ...toy, network: known, method })).rejects.toThrow(
    /yopo needs the first layer by itself, and known is not known as a sequence of layers/,
  )
})

test('what no sample remembers cannot be augmented', async () => {
  const options = { ...toy, method: parseMethod('atta', { eps: 0.1 }), augment: () => undefined }
  await expect(train(options)).rejects.toThrow(/atta remembers a perturbation for each sample/)
})

describe('catastrophic overfitting', () => {
  /**
   * Class 0 scores 0, class 1 scores a wave of the input: at the samples and one FGSM step beyond it is high, half a step
   * from them it is low.
   */
  const wavy = network({
    name: 'wavy',
    shape: [1],
    classes: 2,
    bounds: [-1, 1],
    body: layer({ gain: { shape: [1, 2], initialise: fill(1), decay: false } }, (p, v) => {
      const distance = v.square()
      // Falls to −0.2 at |x| = 0.5 and rises to 0.6 at 1.
      const wave = distance.square().mul(3.2).sub(distance.mul(1.8)).add(0.1).sub(v.mul(0.05))
      return wave.mul(p['gain']!).mul(float32([1, 2], [0, 1]))
    }),
  })
  const data = {
    images: float32([32, 1], new Float32Array(32)),
    labels: int64([32], Array<number>(32).fill(1)),
  }

  test('is told from robustness', async () => {
    const { perturbation } = attack.threat!
    const threat = { perturbation, eps: 1 }
    const probe = (eps: number) =>
      probeOverfitting({
        network: wavy,
        parameters: wavy.initialise(0),
        data,
        threat: { ...threat, eps },
        engine,
      })
    const fallen = await probe(1)
    // Random starts beyond the trough find no way back into it.
    expect(fallen.pgd).toBeLessThan(0.4)
    expect(fallen).toMatchObject({ fgsm: 1, collapsed: true })
    expect(await probe(0.1)).toEqual({ fgsm: 1, pgd: 1, collapsed: false })
  })

  test('is looked for after every epoch of a single-step method, and of no other', async () => {
    const options = { ...toy, data: strongAndWeak(256, 1), optimiser: sgd(), epochs: 1 }
    const one = await train({ ...options, method: parseMethod('fast', { eps: 0.5 }) })
    expect(one.epochs[0]!.overfitting).toMatchObject({ collapsed: false })
    const many = await train({ ...options, method: attack })
    expect(many.epochs[0]).not.toHaveProperty('overfitting')
  })
})

test('a method that there is not, or an option that it has not, is named', () => {
  expect(() => parseMethod('magic')).toThrow(MethodOptionError)
  expect(() => parseMethod('fast')).toThrow(/fast: option eps/)
  expect(() => parseMethod('fast:eps=-1')).toThrow(/must be more than 0/)
  expect(() => parseMethod('noise')).toThrow(/noise: option sigma/)
  expect(() => parseMethod('fast:speed=2', { eps: 0.1 })).toThrow(/speed.*it has perturbation, eps/)
  expect(() => parseMethod('trades:beta', { eps: 0.1 })).toThrow(/not written option=value/)
  expect(() => parseMethod('against')).toThrow(/against: option sets/)
  expect(() => parseMethod('against:sets=linf@0.3+l3@1')).toThrow(/no perturbation set "l3"; there are linf/)
  expect(() => parseMethod('against:sets=linf')).toThrow(/linf needs a radius, as in linf@0.3/)
  expect(() => parseMethod('against:sets=linf@x')).toThrow(/"x" is not a number or a fraction/)
  const { threats } = parseMethod('against:sets=linf@8/255+rotation')
  expect(threats!.map((t) => [t.perturbation.name, t.eps])).toEqual([
    ['linf', 8 / 255],
    ['rotation', perturbations['rotation']!.eps],
  ])
  expect(parseMethod('pgd:eps=8/255,steps=3').options).toMatchObject({ eps: 8 / 255, steps: 3 })
})
