/** Shared arithmetic of norm balls: per-sample norms, factors, and the sample's bounds. */
import { clip, elements, expand, maximum, minimum, withRank, type Tensor } from '@saddlepoint/autodiff'
import type { Place } from './perturbation.ts'

/** Axes of one sample. */
export const sampleAxes = (x: Tensor) => x.shape.map((_, i) => i).slice(1)
/** Elements of one sample. */
export const sampleSize = (x: Tensor) => elements(x.shape.slice(1))
/** Samples as rows [N, d]. */
export const flat = (x: Tensor) => x.reshape([x.shape[0]!, sampleSize(x)])
/** One number per sample, shaped to multiply samples like x. */
export const like = (perSample: Tensor, x: Tensor) => withRank(perSample, x.rank)

/** p cut so that x + p stays within the bounds. */
export function withinBounds(p: Tensor, { x, bounds }: Place): Tensor {
  return clip(x.add(p), bounds[0], bounds[1]).sub(x)
}

/** Scales each sample's p down to at most `limit` where its norm is larger. */
export function shrink(p: Tensor, norm: Tensor, limit: Tensor): Tensor {
  return p.mul(like(minimum(limit.div(maximum(norm, 1e-12)), 1), p))
}

/**
 * Sum over each sample, [N], in two stages: one long single-precision sum over the 150,528 values of a photograph is off by 2e-5,
 * which would put a point of an L2 ball visibly outside of it.
 */
export function sampleSum(x: Tensor): Tensor {
  return x.rank > 2 ? x.sum(x.rank - 1).sum(sampleAxes(x).slice(0, -1)) : x.sum(sampleAxes(x))
}

/** Every row `count` times over: [N, …] → [N, count, …]. */
export function copies(t: Tensor, count: number): Tensor {
  const [n, ...size] = t.shape as [number, ...number[]]
  return expand(t.reshape([n, 1, ...size]), [n, count, ...size])
}
/** The same as rows: [N, …] → [count · N, …]. */
export function repeatRows(t: Tensor, count: number): Tensor {
  return copies(t, count).reshape([t.shape[0]! * count, ...t.shape.slice(1)])
}
