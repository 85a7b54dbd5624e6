/**
 * How far the prediction moves when the sample is squeezed: the largest L1 distance of probabilities over the squeezers.
 * Xu, Evans, Qi 2018; bit depth and median of their three squeezers, without non-local means.
 */
import { abs, argMax, maximum, softmax, type Tensor } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { bitDepth } from '../defences/bit-depth.ts'
import { medianFilter } from '../defences/median-filter.ts'
import { crossEntropy } from '../losses/cross-entropy.ts'
import { ClassifierError } from '../model/errors.ts'
import { detector } from './detector.ts'

export const featureSqueezing = detector({
  name: 'feature-squeezing',
  reference: 'Xu et al. 2018',
  options: z.object({
    bits: z
      .number()
      .int()
      .min(1)
      .max(8)
      .optional()
      .describe('bit depth; 1 for grey pictures and 5 for coloured ones if absent, as in the paper'),
    median: z.number().int().min(2).default(2).describe('side of the median window'),
  }),
  async fit({ model }, { bits = model.shape[0] === 1 ? 1 : 5, median }) {
    if (model.bounds[0] !== 0 || model.bounds[1] !== 1)
      throw new ClassifierError(
        `feature squeezing is for pictures in 0..1, not for values in ${model.bounds.join('..')}`,
      )
    const squeezers = [bitDepth(bits), medianFilter(median)]
    const score = (x: Tensor) => {
      const before = softmax(model.logits(x), 1)
      return squeezers
        .map((squeeze) => abs(before.sub(softmax(model.logits(squeeze(x)), 1))).sum(1))
        .reduce((a, b) => maximum(a, b))
    }
    // Where both are certain, and not of the same class, probabilities have no slope: the surprise at the other's class has one.
    const guide = (x: Tensor) => {
      const labels = argMax(model.logits(x), 1)
      return squeezers
        .map((squeeze) => crossEntropy({ logits: model.logits(squeeze(x)), labels }))
        .reduce((a, b) => maximum(a, b))
    }
    return { score, guide }
  },
})
