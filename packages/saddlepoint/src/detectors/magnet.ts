/**
 * MagNet's detectors: how far an autoencoder moves a sample, and how far that moves the prediction. Meng & Chen 2017, sections 4.2.1
 * and 4.2.2.
 */
import { abs, flatten, log, maximum, softmax, stack, type NDArray, type Tensor } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { detector } from './detector.ts'

/** Of clean scores: each part counts in units of it, so that they share one threshold. */
const UNIT_QUANTILE = 0.99

export const magnet = detector({
  name: 'magnet',
  reference: 'Meng & Chen 2017',
  options: z.object({
    reconstruct: z
      .custom<(x: Tensor) => Tensor>((f) => typeof f === 'function', 'is a traced function')
      .describe('what the autoencoder makes of samples'),
    temperatures: z
      .array(z.number().gt(0))
      .default([])
      .describe(
        'divisors of the scores at which predictions are compared; the paper has none on MNIST, 10 and 40 on CIFAR-10',
      ),
  }),
  async fit({ model, over }, { reconstruct, temperatures }) {
    const parts = (x: Tensor): Tensor => {
      const made = reconstruct(x)
      const change = flatten(x.sub(made))
      const scores = temperatures.length ? [model.logits(x), model.logits(made)] : []
      const moved = temperatures.map((t) =>
        jensenShannon(...(scores.map((s) => softmax(s.div(t), 1)) as Pair)),
      )
      return stack([abs(change).mean(1), change.square().mean(1), ...moved], 1)
    }
    const { clean } = await over(({ x }) => ({ clean: parts(x) }))
    const units = quantiles(clean)
    return (x) => parts(x).div(units).max(1)
  },
})

type Pair = [Tensor, Tensor]

/** Jensen–Shannon divergence of rows of probabilities, [N]. */
function jensenShannon(p: Tensor, q: Tensor): Tensor {
  const middle = p.add(q).mul(0.5)
  const from = (a: Tensor) => a.mul(log(maximum(a, 1e-12)).sub(log(maximum(middle, 1e-12)))).sum(1)
  return from(p).add(from(q)).mul(0.5)
}

/** Of every column [n, K], as one row [1, K]. */
function quantiles({ dims, data }: NDArray): NDArray {
  const [n, columns] = dims as [number, number]
  const values = Array.from({ length: columns }, (_, k) => {
    const own = Float64Array.from({ length: n }, (__, i) => Number(data[i * columns + k])).toSorted()
    return Math.max(own[Math.min(n - 1, Math.floor(UNIT_QUANTILE * n))]!, 1e-9)
  })
  return { type: 'float32', dims: [1, columns], data: Float32Array.from(values) }
}
