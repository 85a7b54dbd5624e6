/** Defensive distillation on a small problem: what it hides, and from whom. */
import { createEngine, rows } from '@saddlepoint/autodiff'
import { afterAll, expect, test } from 'vitest'
import { bim } from '../attacks/bim.ts'
import { measureClaim } from '../evaluate/claim.ts'
import { classifier } from '../model/classifier.ts'
import { linf } from '../perturbations/index.ts'
import { defensiveDistillation } from './distillation.ts'
import { exportNetwork } from './export.ts'
import { adamW } from './optimisers.ts'
import { quadrants, planeNetwork } from './toy.test.support.ts'

const engine = createEngine({ workers: 0 })
afterAll(() => engine.close())

test('the slope of the softmax is gone, that of the margin is not', async () => {
  const { teacher, student } = await defensiveDistillation({
    network: planeNetwork,
    data: quadrants(2048, 1),
    optimiser: adamW({ weightDecay: 0 }),
    rate: 0.1,
    epochs: 8,
    batch: 64,
    shard: 64,
    seed: 3,
    temperature: 1000,
    engine,
  })
  for (const { epochs } of [teacher, student]) expect(epochs.at(-1)!.accuracy).toBeGreaterThan(0.95)
  const model = await classifier(exportNetwork(planeNetwork, student.parameters), {
    engine,
    bounds: [-1, 1],
  })
  const { images, labels } = quadrants(128, 2)
  const data = {
    name: 'quadrants',
    length: 128,
    labels: Array.from(labels.data, Number),
    batch: (from: number, to: number) => Promise.resolve(rows(images, from, to)),
  }
  const result = await measureClaim(
    {
      name: 'distillation',
      reference: 'Papernot et al. 2016',
      target: model,
      perturbation: linf,
      eps: 1,
      naive: { what: 'BIM on the softmax', attacks: [bim({ loss: 'log-softmax' })] },
      adaptive: [{ what: 'BIM on the margin', attacks: [bim({ loss: 'margin' })] }],
    },
    data,
  )
  expect(result.cleanAccuracy).toBeGreaterThan(0.95)
  // Every sample is within 1 of another quadrant: whoever claims the first figure has measured the failure of an attack.
  expect(result.claimed.accuracy).toBeGreaterThan(0.5)
  expect(result.adaptive.standing).toBeLessThan(7)
  expect(result.left).toBe(result.adaptive.standing / result.claimed.standing)
  await model.release()
})
