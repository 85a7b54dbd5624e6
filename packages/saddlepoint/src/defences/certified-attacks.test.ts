/** Attacks on certificates: against linear models, where the distance to the boundary is known, and on the sign classifier. */
import { createEngine, float32, takeRows, type NDArray } from '@saddlepoint/autodiff'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { AttackOptionError } from '../attacks/attack.ts'
import { parseAttack } from '../attacks/registry.ts'
import { signBatch, signSeeds } from '../data/signs/signs.ts'
import type { EvaluationData } from '../evaluate/options.ts'
import { linearModel } from '../linear-model.test.support.ts'
import { classifier } from '../model/classifier.ts'
import { attackCertified } from './certified-attacks.ts'
import { certify } from './randomized-smoothing.ts'
import { smoothed } from './smoothed.ts'

const dataOf = (name: string, x: NDArray, labels: readonly number[]): EvaluationData => ({
  name,
  length: labels.length,
  labels,
  batch: async (from, to) =>
    takeRows(
      x,
      Array.from({ length: to - from }, (_, i) => from + i),
    ),
})

test('a linear model falls beyond its boundary, and nowhere nearer', async () => {
  const { model, x, labels, optimum } = await linearModel({ classes: 2, features: 6, samples: 12, seed: 3 })
  const data = dataOf('linear', x, labels)
  const sigma = 0.5
  const certificates = await certify(model, data, { sigma, draws: 500, batchSize: 500 })
  const certified = certificates.filter((c) => c.predicted !== undefined)
  const multiples = [1, 3]
  const attacks = ['pgd:steps=5', 'ddn:steps=20'].flatMap(parseAttack)
  const outcomes = await attackCertified(model, data, certificates, {
    sigma,
    draws: 500,
    attacks,
    multiples,
    batchSize: 500,
  })
  expect(outcomes.map((o) => [o.attack, o.multiple])).toEqual(
    attacks.flatMap((a) => multiples.map((m) => [a.name, m])),
  )
  for (const { broken, attacked, samples, multiple } of outcomes) {
    expect(attacked).toBe(certified.length)
    expect(samples).toHaveLength(broken)
    for (const index of samples)
      expect(certificates[index]!.radius * multiple).toBeGreaterThan(optimum(index, 'l2'))
  }
  for (const beyond of outcomes.filter((o) => o.multiple === 3)) {
    // Well beyond the boundary, where a fresh prediction no longer abstains.
    const within = certified.filter(({ index, radius }) => radius * 3 > optimum(index, 'l2') + 0.3)
    expect(within.length).toBeGreaterThan(6)
    // The walk of DDN may end before it has come that far.
    const missed = within.filter(({ index }) => !beyond.samples.includes(index))
    expect(missed.length).toBeLessThanOrEqual(beyond.attack === 'pgd' ? 0 : 2)
  }
  await model.engine.close()
})

test('no attack of the suite breaks a certificate of the sign classifier', async () => {
  const engine = createEngine({ workers: 0 })
  const path = new URL('../../../cli/assets/signs/robust.onnx', import.meta.url)
  const model = await classifier(new Uint8Array(readFileSync(path)), { engine })
  const count = 4
  const { images, labels } = signBatch({ seed: signSeeds.test, from: 0, count })
  const x = float32(
    images.dims,
    Float32Array.from(images.data as Uint8Array, (v) => v / 255),
  )
  const data = dataOf('signs', x, Array.from(labels.data, Number))
  const options = { sigma: 0.25, draws: 100, batchSize: 100 }
  const certificates = await certify(model, data, options)
  const attacks = ['pgd:steps=3', 'apgd-ce:steps=3', 'fmn:steps=3', 'boundary:queries=5'].flatMap(parseAttack)
  const outcomes = await attackCertified(model, data, certificates, { ...options, attacks, copies: 2 })
  for (const { attacked, broken } of outcomes) {
    expect(attacked).toBeGreaterThanOrEqual(count - 2)
    expect(broken).toBe(0)
  }
  await engine.close()
})

test('the smoothed classifier gives shares of votes, the same each time, and log-probabilities', async () => {
  const { model, x, optimum } = await linearModel({ classes: 2, features: 4, samples: 3, seed: 5 })
  const target = smoothed(model, { sigma: 0.5, draws: 400 })
  const shares = await target.predict(x)
  expect((await target.predict(x)).data).toEqual(shares.data)
  // Φ(distance / sigma) of the votes lie on the sample's own side.
  for (let i = 0; i < 3; i++) {
    const most = Math.max(Number(shares.data[2 * i]), Number(shares.data[2 * i + 1]))
    const distance = optimum(i, 'l2') / 0.5
    expect(most).toBeGreaterThan(0.5 * (1 + Math.tanh(0.8 * distance)) - 0.08)
    expect(Number(shares.data[2 * i]) + Number(shares.data[2 * i + 1])).toBeCloseTo(1, 6)
  }
  await model.engine.close()
})

test('an attack that is not for L2 is refused', async () => {
  const { model, x, labels } = await linearModel({ classes: 2, features: 2, samples: 1, seed: 1 })
  const attacks = parseAttack('jsma')
  await expect(attackCertified(model, dataOf('one', x, labels), [], { sigma: 1, attacks })).rejects.toThrow(
    AttackOptionError,
  )
  await model.engine.close()
})
