/** Cross-entropy at a temperature, against labels or another network's probabilities. Papernot, McDaniel, Wu, Jha, Swami 2016, section IV. */
import { logSoftmax, softmax, stopGradient, type Tensor } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { method, smoothedCrossEntropy } from './method.ts'

export const distillation = method({
  name: 'distillation',
  reference: 'Papernot et al. 2016, eq. (5), (10)',
  options: z.object({
    temperature: z.number().gt(0).default(100).describe('what scores are divided by before the softmax (T)'),
    teacher: z
      .custom<(x: Tensor) => Tensor>((f) => typeof f === 'function')
      .optional()
      .describe('scores of the network whose probabilities are learned; the labels are if absent'),
  }),
  passes: () => 1,
  objective({ x, labels, logits }, { temperature, teacher }) {
    const scores = logits(x)
    const warm = scores.div(temperature)
    const loss = teacher
      ? stopGradient(softmax(teacher(x).div(temperature), 1))
          .mul(logSoftmax(warm))
          .sum(1)
          .neg()
      : smoothedCrossEntropy(warm, labels)
    return { loss, logits: scores }
  },
})
