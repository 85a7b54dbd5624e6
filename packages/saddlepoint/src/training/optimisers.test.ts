import { compile, createEngine, float32, type Tensor } from '@saddlepoint/autodiff'
import { afterAll, expect, test } from 'vitest'
import { adamW, movingAverage, sgd, type Optimiser } from './optimisers.ts'
import { mapRecord, type Parameters } from './parameters.ts'
import { cosine, cyclic, oneCycle, stepDecay } from './schedules.ts'
import { clipFactor } from './sums.ts'

const engine = createEngine({ workers: 0 })
afterAll(() => engine.close())

const RATE = 0.1
const first = { w: [1, -2], b: [0.5] }
const slopes = [
  { w: [0.5, 0.25], b: [-1] },
  { w: [-0.25, 1], b: [2] },
  { w: [0.125, -0.5], b: [0] },
]
const arrays = (values: Record<string, number[]>): Parameters =>
  mapRecord(values, (v) => float32([v.length], v))

type Slots = Record<string, Record<string, Tensor>>

/** Parameters after the three updates, by the traced rule. */
async function updated(optimiser: Optimiser): Promise<Record<string, number[]>> {
  const specs = mapRecord(arrays(first), ({ dims }) => ({ shape: dims }))
  const slotSpecs = Object.fromEntries(optimiser.slots.map((slot) => [slot, specs]))
  const run = compile(
    (
      parameters: Record<string, Tensor>,
      gradients: Record<string, Tensor>,
      state: Slots,
      rate: Tensor,
      step: Tensor,
    ) =>
      optimiser.update({ parameters, gradients, state, rate, step, decays: (name) => name === 'w' }) as {
        parameters: Record<string, Tensor>
        state: Slots
      },
    { engine, specs: [specs, specs, slotSpecs, { shape: [] }, { shape: [] }] },
  )
  let parameters = arrays(first)
  let state = mapRecord(slotSpecs, () =>
    mapRecord(parameters, ({ dims }) => float32(dims, [0, 0].slice(0, dims[0]))),
  )
  for (const [i, g] of slopes.entries())
    ({ parameters, state } = await run(parameters, arrays(g), state, RATE, i + 1))
  await run.release()
  return mapRecord(parameters, (a) => Array.from(a.data, Number))
}

/** The same one number at a time, straight from the formulas of the papers. */
function expected(rule: (p: number, g: number, memory: number[], t: number, decays: boolean) => number) {
  return mapRecord<number[], number[]>(first, (values, name) =>
    values.map((value, i) => {
      const memory = [0, 0]
      return slopes.reduce(
        (p, g, t) => rule(p, (g as Record<string, number[]>)[name]![i]!, memory, t + 1, name === 'w'),
        value,
      )
    }),
  )
}

function expectClose(actual: Record<string, number[]>, wanted: Record<string, number[]>) {
  for (const [name, values] of Object.entries(wanted))
    values.forEach((v, i) => expect(actual[name]![i]).toBeCloseTo(v, 5))
}

test.each([
  { momentum: 0, nesterov: false, weightDecay: 0 },
  { momentum: 0.9, nesterov: false, weightDecay: 0.1 },
  { momentum: 0.8, nesterov: true, weightDecay: 0.1 },
])('sgd with %o', async ({ momentum, nesterov, weightDecay }) => {
  const wanted = expected((p, gradient, memory, _, decays) => {
    const g = gradient + (decays ? weightDecay * p : 0)
    memory[0] = momentum * memory[0]! + g
    return p - RATE * (nesterov ? g + momentum * memory[0] : memory[0])
  })
  expectClose(await updated(sgd({ momentum, nesterov, weightDecay })), wanted)
})

test('adamW', async () => {
  const wanted = expected((p, g, memory, t, decays) => {
    memory[0] = 0.9 * memory[0]! + 0.1 * g
    memory[1] = 0.99 * memory[1]! + 0.01 * g * g
    const mean = memory[0] / (1 - 0.9 ** t)
    const square = memory[1] / (1 - 0.99 ** t)
    return p - (decays ? RATE * 0.2 * p : 0) - (RATE * mean) / (Math.sqrt(square) + 1e-3)
  })
  expectClose(await updated(adamW({ beta2: 0.99, epsilon: 1e-3, weightDecay: 0.2 })), wanted)
})

test('clipFactor scales all gradients together, and only down', () => {
  const given = arrays({ w: [3, 0], b: [4] })
  expect(clipFactor(given, 1, { parameters: {} })).toBeCloseTo(0.2)
  expect(clipFactor(given, 6, { parameters: {} })).toBe(1)
})

test('movingAverage', async () => {
  const moved = compile(
    (a: Record<string, Tensor>, p: Record<string, Tensor>, keep: Tensor) =>
      movingAverage(a, p, keep) as Record<string, Tensor>,
    { engine },
  )
  const result = await moved(arrays({ w: [1, 2] }), arrays({ w: [3, -2] }), 0.75)
  expectClose({ w: Array.from(result['w']!.data, Number) }, { w: [1.5, 1] })
})

test('schedules reach their peak and their end where they should', () => {
  expect(cyclic({ peak: 0.25 })(0)).toBe(0)
  expect(cyclic({ peak: 0.25 })(0.125)).toBe(0.5)
  expect(cyclic({ peak: 0.25 })(0.25)).toBe(1)
  expect(cyclic({ peak: 0.25 })(1)).toBe(0)
  expect(cosine({ warmUp: 0.1 })(0.05)).toBeCloseTo(0.5)
  expect(cosine({ warmUp: 0.1 })(0.55)).toBeCloseTo(0.5)
  expect(cosine({ floor: 0.1 })(1)).toBeCloseTo(0.1)
  expect(oneCycle({ start: 0.04 })(0)).toBeCloseTo(0.04)
  expect(oneCycle({ peak: 0.25 })(0.25)).toBeCloseTo(1)
  expect(oneCycle({ end: 1e-4 })(1)).toBeCloseTo(1e-4)
  expect([0, 0.5, 0.8].map(stepDecay())).toEqual([1, expect.closeTo(0.1), expect.closeTo(0.01)])
})
