/** How much the vectors of a field differ from their neighbours: what spatial and colour attacks pay for. */
import { slice, sqrt, type Tensor } from '@saddlepoint/autodiff'
import { sampleSum } from './norms.ts'

/** Under the root, where its slope has no end. */
const FLAT = 1e-10

/**
 * Sum over all points and their neighbours along each axis of the distance between the two vectors, [N] (Xiao et al. 2018,
 * eq. 4; Laidlaw & Feizi 2019, eq. 7).
 *
 * @param field [N, C, …]: a vector of C values at each point
 */
export function roughness(field: Tensor): Tensor {
  const sums = field.shape.slice(2).map((size, i) => {
    const axis = i + 2
    const change = slice(field, [1], [size], [axis]).sub(slice(field, [0], [size - 1], [axis]))
    const length = sqrt(change.square().sum(1).add(FLAT)).sub(Math.sqrt(FLAT))
    // Each of the two is a neighbour of the other.
    return sampleSum(length).mul(2)
  })
  return sums.reduce((a, b) => a.add(b))
}
