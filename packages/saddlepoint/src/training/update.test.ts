/** The update of real parameters is the optimiser's rule as ONNX Runtime works it out, to the bit. */
import { compile, createEngine, float32, type Tensor } from '@saddlepoint/autodiff'
import { afterAll, expect, test } from 'vitest'
import { Random } from '../random/philox.ts'
import { adamW, movingAverage, sgd } from './optimisers.ts'
import { mapRecord, type Parameters } from './parameters.ts'
import { initialState } from './state.ts'
import { planeNetwork } from './toy.test.support.ts'
import { Update } from './update.ts'

const engine = createEngine({ workers: 0 })
afterAll(() => engine.close())

const SHARDS = 3
const drawn = (like: Parameters, seed: number): Parameters =>
  mapRecord(like, ({ dims, data }, _, place) => {
    const random = new Random(seed, place)
    return float32(
      dims,
      Float32Array.from(data as Float32Array, () => random.uniform(-1, 1)),
    )
  })

test.each([
  ['adamw', adamW()],
  ['sgd', sgd()],
  ['sgd without momentum', sgd({ momentum: 0 })],
])('%s', async (_, optimiser) => {
  const { parameters: specs } = planeNetwork
  const update = new Update(planeNetwork, optimiser, true)
  const slotSpecs = Object.fromEntries(optimiser.slots.map((slot) => [slot, specs]))
  type Values = Record<string, Tensor>
  const rule = compile(
    (
      {
        parameters,
        average,
        slots,
        gradients,
      }: Record<'parameters' | 'average', Values> & {
        slots: Record<string, Values>
        gradients: Values[]
      },
      { inverse, rate, step, keep }: Record<'inverse' | 'rate' | 'step' | 'keep', Tensor>,
    ) => {
      const mean = mapRecord(parameters, (_p, name) =>
        gradients
          .map((g) => g[name]!)
          .reduce((a, b) => a.add(b))
          .mul(inverse),
      )
      const decays = (name: string) => specs[name]!.decay
      const next = optimiser.update({ parameters, gradients: mean, state: slots, rate, step, decays })
      return {
        parameters: next.parameters as Values,
        slots: next.state as Record<string, Values>,
        average: movingAverage(average, next.parameters, keep) as Values,
      }
    },
    {
      engine,
      specs: [
        { parameters: specs, average: specs, slots: slotSpecs, gradients: Array(SHARDS).fill(specs) },
        { inverse: { shape: [] }, rate: { shape: [] }, step: { shape: [] }, keep: { shape: [] } },
      ],
    },
  )
  let state = initialState(planeNetwork, optimiser, 5)
  for (const step of [1, 2, 3]) {
    const gradients = Array.from({ length: SHARDS }, (_g, i) => drawn(state.parameters, 10 * step + i))
    const numbers = { inverse: 1 / 48, rate: 0.01, step, keep: 0.75 }
    const { parameters, average, slots } = state
    const expected = await rule({ parameters, average, slots, gradients }, numbers)
    const { finite, ...moved } = await update.apply(state, gradients, numbers)
    expect(finite).toBe(true)
    expect(moved).toEqual({ ...expected, slots: expected.slots ?? {} })
    state = { ...state, ...moved }
  }
  await rule.release()
})
