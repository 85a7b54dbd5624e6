/**
 * Normalised gradient ascent within an L2 ball around the start, without any prior or transformation: enough where the network's own
 * features are those of a person. Engstrom, Ilyas, Santurkar, Tsipras, Tran, Madry 2019, section 3.2 and appendix.
 */
import { expand, scalar, zerosLike } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { fraction } from '../model/conventions.ts'
import { l2 } from '../perturbations/l2.ts'
import { sampleSize } from '../perturbations/norms.ts'
import { way, type WayScope } from './way.ts'

const options = z.object({
  steps: z.number().int().min(1).default(100).describe('gradient steps'),
  eps: fraction
    .refine((v) => v > 0, 'lies above 0')
    .optional()
    .describe('radius; a quarter of the way from black to white if absent'),
  stepSize: fraction
    .refine((v) => v > 0, 'lies above 0')
    .optional()
    .describe('length of a step; 2.5 eps / steps if absent'),
})
type Options = z.output<typeof options>

function sizes({ from, bounds: [low, high] }: WayScope, { steps, eps, stepSize }: Options) {
  const radius = eps ?? (Math.sqrt(sampleSize(from)) * (high - low)) / 4
  return { radius, length: stepSize ?? (2.5 * radius) / steps }
}

export const ball = way({
  name: 'ball',
  reference: 'Engstrom et al. 2019, section 3.2',
  options,
  steps: (o) => o.steps,
  start: ({ from }) => ({ p: zerosLike(from) }),
  picture: ({ from }, { p }) => from.add(p!),
  step(scope, { p }, o) {
    const { from, bounds, slope } = scope
    const { radius, length } = sizes(scope, o)
    const set = l2.around({ x: from, bounds, eps: expand(scalar(radius), [from.shape[0]!]) })
    const picture = from.add(p!)
    return { p: set.project(p!.add(set.steepest(slope(picture, p!), p!).mul(length))) }
  },
})
