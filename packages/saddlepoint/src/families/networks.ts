/** Families that are networks: what they learn by gradient descent. */
import { constantMatrix, float32, gather, hinge, scalar } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { constants } from '../training/parameters.ts'
import { method, type TrainingMethod } from '../training/methods/method.ts'
import { standard } from '../training/methods/standard.ts'
import { mlp } from '../training/networks/mlp.ts'
import { adamW } from '../training/optimisers.ts'
import { cosine } from '../training/schedules.ts'
import { train } from '../training/train.ts'
import { tableOf, type Family } from './family.ts'

const BATCH = 64
/** Fewer updates than these do not suffice, however few samples there are. */
const UPDATES = 150

interface Recipe {
  readonly hidden: readonly number[]
  readonly method: TrainingMethod
  readonly epochs: number
  readonly rate: number
  readonly weightDecay: number
}

const byDescent = (
  name: string,
  what: string,
  reference: string,
  { hidden, method: objective, epochs, rate, weightDecay }: Recipe,
): Family => ({
  name,
  what,
  reference,
  async fit(data, options = {}) {
    const { x, classes, count } = tableOf(data, options)
    const batch = Math.min(BATCH, count)
    const { bounds, engine, seed = 0, signal } = options
    const shape = data.images.dims.slice(1)
    const network = mlp({ shape, classes, hidden, bounds })
    const { parameters } = await train({
      network,
      data: { images: float32([count, ...shape], x), labels: data.labels },
      method: objective,
      optimiser: adamW({ weightDecay }),
      schedule: cosine(),
      batch,
      shard: batch,
      rate,
      epochs: Math.max(epochs, Math.ceil(UPDATES / Math.floor(count / batch))),
      seed,
      engine,
      signal,
    })
    return {
      name,
      shape,
      classes,
      outputs: (samples) => ({ logits: network.logits(constants(parameters), samples) }),
    }
  },
})

export const dnn = byDescent('dnn', 'a network of two hidden layers of 200 rectifiers', 'cross-entropy', {
  hidden: [200, 200],
  method: standard(),
  epochs: 15,
  rate: 1e-3,
  weightDecay: 0.01,
})

export const logisticRegression = byDescent('lr', 'multinomial logistic regression', 'cross-entropy', {
  hidden: [],
  method: standard(),
  epochs: 15,
  rate: 1e-2,
  weightDecay: 0.1,
})

/** One machine for each class, against all others: the mean over samples of Σ max(0, 1 − s y), y = ±1. */
const oneAgainstRest = method({
  name: 'hinge',
  reference: 'Cortes & Vapnik 1995; one machine for each class against the rest',
  options: z.object({}),
  passes: () => 1,
  objective({ x, labels, logits }) {
    const scores = logits(x)
    const classes = scores.shape[1]!
    const signs = gather(
      constantMatrix(classes, classes, (i, j) => (i === j ? 1 : -1)),
      labels,
    )
    return { loss: hinge(scalar(1).sub(scores.mul(signs))).sum(1), logits: scores }
  },
})

export const linearSvm = byDescent(
  'svm',
  'a linear support-vector machine, one against the rest',
  'Cortes & Vapnik 1995',
  { hidden: [], method: oneAgainstRest(), epochs: 15, rate: 1e-2, weightDecay: 0.1 },
)
