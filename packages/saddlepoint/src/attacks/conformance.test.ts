/** What every attack owes whoever runs it, whatever its paper: neighbours do not matter, it can be stopped, it counts right. */
import { takeRows } from '@saddlepoint/autodiff'
import { describe, expect, test } from 'vitest'
import { misclassified } from '../criteria/criterion.ts'
import { linearModel, type LinearModel } from '../linear-model.test.support.ts'
import { parseLoss } from '../losses/index.ts'
import { ensemble } from '../model/ensemble.ts'
import { perturbations } from '../perturbations/index.ts'
import { optionsOf, type AttackControl, type AttackDefinition } from './attack.ts'
import { prepare } from './driver.ts'
import { attacks, definitions } from './registry.ts'

const SAMPLES = 64
const SHAPE = [3, 8, 8]
/** Few steps of everything. */
const SHORT: Readonly<Record<string, number>> = {
  steps: 6,
  iterations: 6,
  queries: 100,
  searchSteps: 2,
  search: 3,
  population: 8,
  samples: 8,
  coordinates: 8,
  targetClasses: 2,
}

const setting = linearModel({ classes: 4, features: 192, samples: SAMPLES, seed: 21, shape: SHAPE }, [-6, 6])

function shortened(definition: AttackDefinition) {
  const known = Object.keys(optionsOf(definition).shape)
  return attacks.get(definition.name)!(
    Object.fromEntries(Object.entries(SHORT).filter(([key]) => known.includes(key))),
  )
}

async function prepared(
  definition: AttackDefinition,
  { model }: LinearModel,
  attack = shortened(definition),
) {
  const perturbation = definition.perturbation ?? perturbations[definition.norms?.[0] ?? 'linf']!
  return prepare(attack, {
    model: definition.several ? ensemble([model]) : model,
    substitute: model,
    perturbation,
    criterion: misclassified,
    loss: parseLoss(attack.options.loss),
    engine: model.engine,
  })
}

/** A radius at which some fall and some stand, in each set's own units. */
const radius = (norm: string) => ({ linf: 0.03, l2: 0.5, l1: 3, l0: 6 })[norm] ?? 0.1

async function run(
  definition: AttackDefinition,
  linear: LinearModel,
  batchSize: number,
  control?: AttackControl,
) {
  const attack = await prepared(definition, linear)
  const [success, forwards, backwards, values] = [[], [], [], []] as [boolean[], number[], number[], number[]]
  try {
    for (let from = 0; from < SAMPLES; from += batchSize) {
      const samples = linear.labels.map((_, i) => i).slice(from, from + batchSize)
      const outcome = await attack.run(
        {
          x: takeRows(linear.x, samples),
          labels: samples.map((i) => linear.labels[i]!),
          eps: samples.map(() => radius(definition.perturbation?.name ?? definition.norms?.[0] ?? 'linf')),
          samples,
        },
        { seed: 5, ...control },
      )
      success.push(...outcome.success)
      forwards.push(...outcome.forwards)
      backwards.push(...outcome.backwards)
      values.push(...(outcome.adversarials.data as Float32Array))
    }
  } finally {
    await attack.release()
  }
  return { success, forwards, backwards, values }
}

/** Without a network's activations and without a generator there is nothing to measure in: these have tests of their own. */
const tried = definitions.filter((d) => !['perceptual', 'latent'].includes(d.name))

describe.each(tried.map((d) => [d.name, d] as const))('%s', (_, definition) => {
  test('gives the same for batches of 1, 7 and 64', async () => {
    const linear = await setting
    const whole = await run(definition, linear, 64)
    for (const batchSize of [1, 7]) {
      const parts = await run(definition, linear, batchSize)
      // Products of another batch size are summed in another order: a sample on the edge may fall to the other side.
      const differs = whole.success.filter((s, i) => s !== parts.success[i]).length
      expect(differs).toBeLessThanOrEqual(1)
      const counts = (r: typeof whole) => r.forwards.reduce((a, b) => a + b, 0)
      expect(Math.abs(counts(parts) / counts(whole) - 1)).toBeLessThan(0.02)
      const moved = whole.values.filter((v, i) => Math.abs(v - parts.values[i]!) > 1e-3).length
      expect(moved / whole.values.length).toBeLessThan(0.03)
    }
  })

  test('stops between two steps when it is told to', async () => {
    const linear = await setting
    const control = new AbortController()
    let steps = 0
    const onStep = () => {
      if (++steps === 1) control.abort()
    }
    const run1 = run(definition, linear, 64, { signal: control.signal, onStep })
    if (definition.name === 'fgsm') return void (await run1)
    await expect(run1).rejects.toThrow(/abort/i)
    expect(steps).toBe(1)
  })
})

/** Most that memory may grow by over a thousand iterations, in MiB: what a garbage collector leaves lying about is more than nothing. */
const GROWTH = 32
const REPRESENTATIVES = ['pgd', 'apgd-ce', 'fab', 'square', 'nes', 'hopskipjump']

describe.each(
  tried
    .filter((d) => process.env['SADDLE_SLOW'] || REPRESENTATIVES.includes(d.name))
    .map((d) => [d.name, d] as const),
)('%s', (name, definition) => {
  test('takes no more memory after a thousand iterations', { timeout: 300_000 }, async () => {
    const linear = await setting
    const known = Object.keys(optionsOf(definition).shape)
    const long = { ...SHORT, steps: 1000, iterations: 1000, queries: 1000, searchSteps: 1, abortEarly: false }
    const options = Object.fromEntries(Object.entries(long).filter(([key]) => known.includes(key)))
    const attack = await prepared(definition, linear, attacks.get(name)!(options))
    const batch = {
      x: takeRows(linear.x, [0, 1]),
      labels: linear.labels.slice(0, 2),
      eps: [1e-4, 1e-4],
      samples: [0, 1],
    }
    const memory: number[] = []
    for (let i = 0; i < 3; i++) {
      await attack.run(batch)
      memory.push(process.memoryUsage().rss / 2 ** 20)
    }
    await attack.release()
    expect(Math.min(memory[1]! - memory[0]!, memory[2]! - memory[1]!)).toBeLessThan(GROWTH)
  })
})
