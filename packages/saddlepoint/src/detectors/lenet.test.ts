/** Detectors on a real network: what they claim against an attack that does not know them, and what is left of it. */
import { createEngine, float32 } from '@saddlepoint/autodiff'
import { existsSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'
import { pgd } from '../attacks/pgd.ts'
import type { EvaluationData } from '../evaluate/options.ts'
import { classifier } from '../model/classifier.ts'
import { linf } from '../perturbations/index.ts'
import { fitWithThresholds } from './fit.ts'
import { measureDetection } from './measure.ts'
import { parseDetector } from './registry.ts'

const DATA = process.env['SADDLE_DATA'] ?? new URL('../../../../../shared/data', import.meta.url).pathname
const present = existsSync(`${DATA}/mnist/train-images-idx3-ubyte.gz`)
if (!present) console.warn(`skipped: the networks and digits of ${DATA} are not there`)

function digits(part: 'train' | 't10k', length: number): EvaluationData {
  const bytes = (name: string) => gunzipSync(readFileSync(`${DATA}/mnist/${part}-${name}-ubyte.gz`))
  const pixels = Float32Array.from(bytes('images-idx3').subarray(16, 16 + 784 * length), (v) => v / 255)
  return {
    name: part,
    length,
    labels: [...bytes('labels-idx1').subarray(8, 8 + length)],
    batch: (from, to) =>
      Promise.resolve(float32([to - from, 1, 28, 28], pixels.subarray(784 * from, 784 * to))),
  }
}

describe.skipIf(!present)('on the standard LeNet5', () => {
  const engine = createEngine({ workers: 0 })
  afterAll(() => engine.close())

  test.each(['mahalanobis', 'kernel-density'])(
    '%s tells PGD samples from clean ones, until the attack knows of it',
    async (text) => {
      const model = await classifier(`${DATA}/models/mnist/mnist_std_advertorch_lenet5.onnx`, { engine })
      const rates = [0.05]
      const { fitted, thresholds } = await fitWithThresholds(
        parseDetector(text),
        model,
        digits('train', 400),
        rates,
      )
      const { attacks, clean } = await measureDetection(model, fitted, digits('t10k', 40), {
        attacks: [pgd({ steps: 20, iterates: 'last' })],
        perturbation: linf,
        eps: 0.3,
        thresholds,
      })
      const { naive, adaptive } = attacks['pgd']!
      expect(clean[0]!.measured).toBeLessThan(0.2)
      expect(naive[0]!.auc).toBeGreaterThan(0.8)
      expect(adaptive[0]!.evasionRate).toBeGreaterThan(0.9)
      expect(adaptive[0]!.auc).toBeLessThan(0.6)
      await model.release()
    },
  )
})
