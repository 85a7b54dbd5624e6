/** Learns the centre of a Gaussian in tanh-space whose draws are adversarial. Li, Li, Wang, Zhang, Gong 2019, Algorithm 1. */
import { argMax, equal, sqrt, type Tensor } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { indexRow } from '../losses/loss.ts'
import { coarse } from '../optimisers/coarse.ts'
import { pictured, tanhSpace } from '../optimisers/tanh-space.ts'
import { attack } from './attack.ts'

/** Spread of the first centre around the clean sample, as in the authors' code. */
const FIRST = 0.001
/** Values nearer to their bounds than this leaves would not move: the authors' pictures have few of them, digits have many. */
const INSIDE = 0.95

export const nattack = attack({
  name: 'nattack',
  reference: 'Li et al. 2019, Algorithm 1',
  access: 'scores',
  kind: 'fixed-eps',
  optimiser: 'evolution strategy over a Gaussian in tanh-space',
  norms: ['linf', 'l2'],
  options: z.object({
    loss: z.string().default('margin').describe('what it climbs: cross-entropy, margin or dlr'),
    population: z.number().int().min(2).default(300).describe('draws of one generation'),
    steps: z.number().int().min(1).default(600).describe('generations'),
    deviation: z.number().positive().default(0.1).describe('standard deviation of the Gaussian'),
    learningRate: z.number().positive().default(0.02).describe('how fast its centre moves'),
    cells: z.number().int().min(1).default(32).describe('rows of the grid that is drawn, as the authors do'),
  }),
  steps: (o) => o.steps,
  start: ({ ball, x, random }, { cells }) => ({
    p: ball.zero(),
    centre: random.normal(coarse(x, cells).shape).mul(FIRST),
  }),
  step(scope, { p, centre }, { population, deviation, learningRate, cells }) {
    const { ball, x, random } = scope
    const [n, ...size] = x.shape as [number, ...number[]]
    const { shape, spread } = coarse(x, cells)
    // The most adversarial draw of the generation before.
    scope.evaluate(p)

    const draws = random.normal([population, ...shape])
    const each = scope.repeated(population)
    const moved = draws.mul(deviation).add(centre!.reshape([n, 1, ...shape]))
    const w = tanhSpace(each, INSIDE).add(
      spread(moved.reshape([n * population, ...shape])).reshape(each.x.shape),
    )
    const points = each.project(pictured(w, each).sub(each.x)).reshape([n, population, ...size])
    const values = scope.loss(scope.evaluateMany(points))

    const fitness = standardised(values).reshape([n, population, ...shape.map(() => 1)])
    const climb = fitness
      .mul(draws)
      .sum(1)
      .div(population * deviation)
    const best = equal(argMax(values).reshape([n, 1]), indexRow(population)).cast('float32')
    return {
      p: ball.project(points.mul(best.reshape([n, population, ...size.map(() => 1)])).sum(1)),
      centre: centre!.add(climb.mul(learningRate)),
    }
  },
})

/** Each row at mean 0 and standard deviation 1. */
function standardised(values: Tensor): Tensor {
  const centred = values.sub(values.mean(1, true))
  return centred.div(sqrt(centred.square().mean(1, true)).add(1e-7))
}
