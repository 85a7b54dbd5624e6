/** Step sizes over time, as traced scalars. */
import { cos, type Tensor } from '@saddlepoint/autodiff'

/** Half a cosine from one value at step 0 to another at `steps` (Loshchilov & Hutter 2017, eq. 5, one period). */
export function cosine(step: Tensor, steps: number, from: number, to: number): Tensor {
  return cos(step.mul(Math.PI / steps))
    .add(1)
    .mul((from - to) / 2)
    .add(to)
}
