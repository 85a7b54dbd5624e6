/** Softmax confidence: how far the most likely class is from certain. Hendrycks & Gimpel 2017. */
import { logSumExp } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { detector } from './detector.ts'

/** −log of the largest probability: it orders samples as 1 − p does, and keeps apart those whose p rounds to 1. */
export const softmaxConfidence = detector({
  name: 'softmax',
  reference: 'Hendrycks & Gimpel 2017',
  options: z.object({}),
  async fit({ model }) {
    return (x) => {
      const logits = model.logits(x)
      return logSumExp(logits, 1).sub(logits.max(1))
    }
  },
})
