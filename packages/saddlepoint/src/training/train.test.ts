import { createEngine, decodeModel } from '@saddlepoint/autodiff'
import { afterAll, describe, expect, test } from 'vitest'
import { accuracyOf } from './accuracy.ts'
import { jitter } from './augmentations.ts'
import { checkExport, exportNetwork } from './export.ts'
import { adversarial } from './methods/adversarial.ts'
import { standard } from './methods/standard.ts'
import { signCnn } from './networks/sign-cnn.ts'
import { adamW, sgd } from './optimisers.ts'
import type { Parameters } from './parameters.ts'
import { cyclic } from './schedules.ts'
import { CheckpointError, decodeState, DivergedError, encodeState } from './state.ts'
import { linearNetwork, planeNetwork, quadrants, strongAndWeak } from './toy.test.support.ts'
import type { TrainOptions } from './train-options.ts'
import { train } from './train.ts'

const engine = createEngine({ workers: 0 })
afterAll(() => engine.close())

const plane: TrainOptions = {
  network: planeNetwork,
  data: quadrants(512, 1),
  method: standard(),
  optimiser: adamW(),
  rate: 0.02,
  schedule: cyclic({ peak: 0.2 }),
  epochs: 12,
  batch: 32,
  shard: 16,
  seed: 7,
  engine,
}
const bits = (parameters: Parameters) =>
  Object.entries(parameters).map(([name, { data }]) => [name, Array.from(data as Float32Array)])

describe('train', () => {
  test('learns what no linear classifier can', async () => {
    const { parameters, epochs } = await train({ ...plane, averageDecay: 0.9 })
    const data = quadrants(512, 2)
    const { clean } = await accuracyOf({ network: planeNetwork, parameters, data, engine })
    expect(clean).toBeGreaterThan(0.95)
    expect(epochs).toHaveLength(12)
    expect(epochs.at(-1)!.loss).toBeLessThan(epochs[0]!.loss / 2)
  })

  test('gives the same weights for the same seed, and on any number of workers', async () => {
    const short = { ...plane, epochs: 2 }
    const once = await train(short)
    expect(bits((await train(short)).parameters)).toEqual(bits(once.parameters))
    expect(bits((await train({ ...short, seed: 8 })).parameters)).not.toEqual(bits(once.parameters))
    const pool = createEngine({ workers: 2 })
    const shared = await train({ ...short, engine: pool })
    await pool.close()
    expect(bits(shared.parameters)).toEqual(bits(once.parameters))
  })

  test('goes on from a checkpoint as if it had not stopped', async () => {
    const method = adversarial({ eps: 0.1, steps: 2 })
    const short = { ...plane, method, epochs: 2, averageDecay: 0.9 }
    const whole = await train(short)
    const stop = new AbortController()
    const half = await train({
      ...short,
      signal: stop.signal,
      onStep: ({ step }) => {
        if (step === 21) stop.abort()
      },
    })
    expect(half.finished).toBe(false)
    expect(half.state.step).toBe(21)
    const { state } = decodeState(encodeState(half.state))
    const rest = await train({ ...short, state })
    expect(rest.finished).toBe(true)
    expect(bits(rest.state.parameters)).toEqual(bits(whole.state.parameters))
    expect(bits(rest.parameters)).toEqual(bits(whole.parameters))
    const last = whole.epochs.at(-1)!
    expect(rest.epochs.at(-1)).toMatchObject({ loss: last.loss, accuracy: last.accuracy })
  })

  test('ends its schedule within a time limit', async () => {
    const began = performance.now()
    const rates: number[] = []
    const { finished } = await train({
      ...plane,
      epochs: 100_000,
      timeLimitSeconds: 1.5,
      onStep: ({ rate }) => rates.push(rate),
    })
    expect(finished).toBe(true)
    expect(performance.now() - began).toBeLessThan(4000)
    expect(Math.max(...rates)).toBeGreaterThan(0.01)
    expect(rates.at(-1)).toBeLessThan(0.004)
  })

  test('stops with the last good state when the loss is no longer a number', async () => {
    const run = train({ ...plane, optimiser: sgd(), rate: 1e30, schedule: undefined })
    const error = await run.catch((e: unknown) => e)
    expect(error).toBeInstanceOf(DivergedError)
    expect((error as DivergedError).message).toMatch(/after \d+ updates, at learning rate 1\.00e\+30/)
    const { parameters } = (error as DivergedError).state
    expect(
      bits(parameters)
        .flatMap(([, v]) => v as number[])
        .every(Number.isFinite),
    ).toBe(true)
  })
})

test('adversarial training gives up accuracy for robustness', async () => {
  const common: TrainOptions = {
    ...plane,
    network: linearNetwork,
    data: strongAndWeak(2048, 1),
    rate: 0.03,
    epochs: 6,
    batch: 64,
    shard: 64,
  }
  const attack = adversarial({ eps: 0.5, steps: 5 })
  const measure = async (options: TrainOptions) => {
    const { parameters } = await train(options)
    const data = strongAndWeak(512, 2)
    return accuracyOf({ network: linearNetwork, parameters, data, method: attack, engine, shard: 64 })
  }
  const plain = await measure(common)
  const robust = await measure({ ...common, method: attack, strengthWarmUp: 0.2 })
  expect(plain.clean).toBeGreaterThan(0.97)
  expect(plain.attacked).toBeLessThan(0.3)
  expect(robust.attacked).toBeGreaterThan(0.8)
  expect(robust.clean).toBeLessThan(plain.clean)
})

describe('exportNetwork', () => {
  const network = signCnn({ classes: 4, width: 4 })
  const parameters = network.initialise(3)

  test('writes a plain file with the parameters by name that computes the same', async () => {
    const bytes = exportNetwork(network, parameters, { metadata: { classes: 'a,b,c,d' } })
    const { graph, metadata } = await decodeModel(bytes)
    expect(graph.inputs.map((i) => [i.name, i.shape])).toEqual([['input', ['N', 3, 32, 32]]])
    expect(graph.outputs.map((o) => [o.name, o.shape])).toEqual([['logits', ['N', 4]]])
    expect([...graph.initializers.keys()]).toEqual(expect.arrayContaining(Object.keys(network.parameters)))
    expect(metadata['classes']).toBe('a,b,c,d')
    expect(await checkExport(bytes, network, parameters, { engine })).toBeLessThan(1e-4)
  })

  test('a file of other weights is found out', async () => {
    const bytes = exportNetwork(network, network.initialise(4))
    await expect(checkExport(bytes, network, parameters, { engine })).rejects.toThrow(/differ/)
  })
})

test('a damaged or foreign checkpoint is refused', async () => {
  const { state } = await train({ ...plane, epochs: 1 })
  const bytes = encodeState(state)
  expect(() => decodeState(bytes.subarray(0, bytes.length - 5))).toThrow(CheckpointError)
  expect(() => decodeState(new TextEncoder().encode('{"a":1}\n'))).toThrow(CheckpointError)
  await expect(train({ ...plane, network: linearNetwork, state })).rejects.toThrow(/head.weight/)
  await expect(train({ ...plane, optimiser: sgd(), state })).rejects.toThrow(/momentum/)
})

test('jitter moves whole pixels and stays in bounds', async () => {
  const { Random } = await import('../random/philox.ts')
  const picture = Float32Array.from({ length: 75 }, (_, i) => i / 75)
  const out = new Float32Array(75)
  jitter({ shift: 1, brightness: 0, contrast: 0 })(picture, out, [3, 5, 5], new Random(1, 2))
  const middle = [0, 1, 2].map((c) => Math.round(out[c * 25 + 12]! * 75))
  expect(middle.map((v, c) => v - c * 25)).toEqual([middle[0], middle[0], middle[0]])
  expect([6, 7, 8, 11, 12, 13, 16, 17, 18]).toContain(middle[0])
  jitter({ shift: 2, brightness: 1, contrast: 1 })(picture, out, [3, 5, 5], new Random(1, 3))
  expect(Math.min(...out)).toBeGreaterThanOrEqual(0)
  expect(Math.max(...out)).toBeLessThanOrEqual(1)
})
