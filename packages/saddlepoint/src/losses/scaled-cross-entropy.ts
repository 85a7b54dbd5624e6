/** Cross-entropy of scores divided by their own margin, so that no scale of the scores can starve it of a gradient. */
import { abs, maximum, stopGradient, topK } from '@saddlepoint/autodiff'
import { crossEntropy } from './cross-entropy.ts'
import { loss } from './loss.ts'

/**
 * The two highest scores of every sample come to lie 1 apart (their distance is taken for a constant): the gradient of a softmax
 * that saturates, such as one of scores times 1000, is 0 in single precision, and this one's is not.
 */
export const scaledCrossEntropy = loss('scaled-cross-entropy', 'Yu & Xu 2023', ({ logits, ...rest }) => {
  const { values } = topK(logits, 2)
  const [n, k] = values.shape as [number, number]
  const margin = values.mul({ type: 'float32', dims: [k], data: Float32Array.of(1, -1) }).sum(1)
  const scale = stopGradient(maximum(abs(margin), 1e-12)).reshape([n, 1])
  return crossEntropy({ ...rest, logits: logits.div(scale) })
})
