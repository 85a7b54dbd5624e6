/** What is kept of a run: averages of its parameters, and its best epoch. */
import { createEngine } from '@saddlepoint/autodiff'
import { afterAll, expect, test } from 'vitest'
import { adversarial } from './methods/adversarial.ts'
import { standard } from './methods/standard.ts'
import { adamW } from './optimisers.ts'
import { decodeState, encodeState } from './state.ts'
import { planeNetwork, quadrants } from './toy.test.support.ts'
import type { TrainOptions } from './train-options.ts'
import { train } from './train.ts'

const engine = createEngine({ workers: 0 })
afterAll(() => engine.close())

const options: TrainOptions = {
  network: planeNetwork,
  data: quadrants(128, 1),
  method: standard(),
  optimiser: adamW(),
  rate: 0.02,
  epochs: 4,
  batch: 32,
  seed: 7,
  engine,
}
const first = (values: Record<string, { data: ArrayLike<unknown> }>) =>
  Number(values['hidden.weight']!.data[0])

test('an equal average is that of the parameters after every update from its share on', async () => {
  const seen: number[] = []
  const whole = {
    ...options,
    averageFrom: 0.5,
    onStep: ({ state }) => seen.push(first(state.parameters)),
  } as TrainOptions
  const { parameters } = await train(whole)
  const later = seen.slice(8)
  expect(later).toHaveLength(8)
  expect(first(parameters)).toBeCloseTo(later.reduce((a, b) => a + b, 0) / 8, 5)
  const stop = new AbortController()
  const onStep = ({ step }: { step: number }) => step === 11 && stop.abort()
  const half = await train({ ...options, averageFrom: 0.5, signal: stop.signal, onStep })
  const rest = await train({
    ...options,
    averageFrom: 0.5,
    state: decodeState(encodeState(half.state)).state,
  })
  expect(rest.parameters).toEqual(parameters)
  await expect(train({ ...options, averageFrom: 0.5, averageDecay: 0.9 })).rejects.toThrow(
    /exclude each other/,
  )
})

test('patience ends a run that gets no better, and keeps its best epoch', async () => {
  const kept: number[] = []
  const run: TrainOptions = {
    ...options,
    // So large a step that the accuracy goes up and down.
    rate: 0.3,
    epochs: 60,
    patience: 2,
    validation: { data: quadrants(64, 2), method: adversarial({ eps: 0.1, steps: 2 }), attacked: 32 },
    onEpoch: ({ state }) => void kept.push(first(state.average)),
  }
  const { parameters, finished, epochs, state } = await train(run)
  expect(finished).toBe(true)
  expect(epochs.length).toBeLessThan(60)
  const accuracies = epochs.map((e) => e.validation!.attacked!)
  const best = accuracies.indexOf(Math.max(...accuracies))
  expect(epochs.length - 1 - best).toBe(2)
  expect(first(parameters)).toBe(kept[best])
  const again = await train({ ...run, state: decodeState(encodeState(state)).state })
  expect(again.epochs).toEqual([])
  expect(again.parameters).toEqual(parameters)
  await expect(train({ ...options, patience: 2 })).rejects.toThrow(/needs validation samples/)
})
