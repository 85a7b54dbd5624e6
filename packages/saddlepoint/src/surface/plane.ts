/**
 * Planes through a sample: spanned by the gradient and a random direction, by two random ones (Goodfellow, Vinyals, Saxe 2015 for
 * weights), or by the principal components of a path (Li, Xu, Taylor, Studer, Goldstein 2018, section 7).
 */
import { compile, gradientOf, int64, sizeOf, type NDArray, type Tensor } from '@saddlepoint/autodiff'
import { crossEntropy } from '../losses/cross-entropy.ts'
import type { Loss } from '../losses/loss.ts'
import type { Target } from '../model/target.ts'
import { traced } from '../model/traced.ts'
import { Random } from '../random/philox.ts'

/** The points origin + x · axes[0] + y · axes[1]; the axes are orthogonal. */
export interface Plane {
  readonly origin: Float32Array
  readonly axes: readonly [Float32Array, Float32Array]
  /** Share of the path's variance along each axis, of a plane that was laid through a path. */
  readonly variance?: readonly [number, number]
}

export interface PlanePoint {
  readonly x: number
  readonly y: number
  /** L2 distance of what was projected from the plane. */
  readonly distance: number
}

/** What length is measured in along the axes of a plane. */
export type PlaneNorm = 'linf' | 'l2'

/**
 * The plane of a sample's loss gradient (of its sign, for Linf) and a random direction across it, both of length 1 in the norm.
 *
 * @param sample [1, …]
 * @throws RangeError where the gradient is zero: there is no direction then
 * @throws ClassifierError for a model that can only be asked
 */
export async function gradientPlane(
  model: Target,
  sample: NDArray,
  label: number,
  options: { readonly norm?: PlaneNorm; readonly loss?: Loss; readonly seed?: number } = {},
): Promise<Plane> {
  const { norm = 'linf', loss = crossEntropy, seed = 0 } = options
  const target = traced(model)
  const slope = compile(
    (x: Tensor, labels: Tensor) =>
      gradientOf(loss({ logits: target.logits(x), labels, samples: x }), x, { rules: target.rules }),
    { engine: model.engine },
  )
  const { data } = await slope(sample, int64([1], [label]))
  await slope.release()
  const gradient = Float32Array.from(data as Float32Array)
  if (!gradient.some((v) => v !== 0))
    throw new RangeError(
      `${model.name}: the gradient of the ${loss.name} loss is zero at this sample, so there is no plane along it: ` +
        'take a random one, or another loss (the margin has a slope where cross-entropy is flat)',
    )
  const first = scaled(norm === 'linf' ? gradient.map(Math.sign) : gradient, norm)
  return { origin: values(sample), axes: [first, randomAxis(first.length, norm, seed, 1, [first])] }
}

/** The plane of two random directions of length 1 in the norm: of signs for Linf, of normal numbers for L2. */
export function randomPlane(
  sample: NDArray,
  { norm = 'linf', seed = 0 }: { readonly norm?: PlaneNorm; readonly seed?: number } = {},
): Plane {
  const origin = values(sample)
  const first = randomAxis(origin.length, norm, seed, 0, [])
  return { origin, axes: [first, randomAxis(origin.length, norm, seed, 1, [first])] }
}

/**
 * The plane through a path's last point along the two leading principal components of its points, seen from the last, as Li et al.
 * take them. The axes have L2 length 1.
 *
 * @param path [steps, …], three points or more
 * @throws RangeError if the points lie on one line, or there are too few of them
 */
export function pathPlane(path: NDArray): Plane {
  const count = path.dims[0]!
  if (count < 3) throw new RangeError(`a plane through a path takes 3 points or more, not ${count}`)
  const size = sizeOf(path.dims.slice(1))
  const all = path.data as Float32Array
  const last = all.slice((count - 1) * size)
  const moves = Array.from({ length: count - 1 }, (_, i) =>
    Float64Array.from({ length: size }, (_v, j) => all[i * size + j]! - last[j]!),
  )
  const total = moves.reduce((sum, m) => sum + dot(m, m), 0)
  const first = leading(moves)
  const rest = moves.map((m) => without(m, first.axis))
  const second = leading(rest)
  // Single precision leaves this much of a straight path across it.
  if (!(second.power > 1e-10 * total))
    throw new RangeError('the points of the path lie on one line, which is no plane')
  return {
    origin: last,
    axes: [Float32Array.from(first.axis), Float32Array.from(without(second.axis, first.axis))],
    variance: [first.power / total, second.power / total],
  }
}

/**
 * The plane through three samples, as decision boundaries are looked at (Somepalli et al. 2022): the first axis leads from the first
 * to the second, the third has a `y` of 1.
 *
 * @param samples [3, …]
 * @throws RangeError if they lie on one line
 */
export function samplePlane(samples: NDArray): Plane {
  const size = sizeOf(samples.dims.slice(1))
  const all = samples.data as Float32Array
  const origin = all.slice(0, size)
  const [first, other] = [1, 2].map((k) => origin.map((v, j) => all[k * size + j]! - v)) as [Vector, Vector]
  const second = without(other, first)
  if (!(dot(second, second) > 1e-10 * dot(other, other)))
    throw new RangeError('the three samples lie on one line, which is no plane')
  return { origin, axes: [Float32Array.from(first), Float32Array.from(second)] }
}

/** Where points lie on a plane, seen straight from above: [n, …] → n places. */
export function projectOnto({ origin, axes }: Plane, points: NDArray): PlanePoint[] {
  const size = origin.length
  const lengths = axes.map((a) => dot(a, a))
  return Array.from({ length: points.dims[0]! }, (_, i) => {
    const move = Float64Array.from(origin, (v, j) => Number(points.data[i * size + j]) - v)
    const [x, y] = axes.map((a, k) => dot(move, a) / lengths[k]!) as [number, number]
    return { x, y, distance: Math.hypot(...move.map((v, j) => v - x * axes[0][j]! - y * axes[1][j]!)) }
  })
}

type Vector = Float32Array | Float64Array

const values = (sample: NDArray) => Float32Array.from(sample.data as Float32Array)
const dot = (a: Vector, b: Vector) => {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}

const largest = (vector: Vector) => {
  let most = 0
  for (const v of vector) most = Math.max(most, Math.abs(v))
  return most
}

const without = (vector: Vector, axis: Vector): Float64Array => {
  const along = dot(vector, axis) / dot(axis, axis)
  return Float64Array.from(vector, (v, i) => v - along * axis[i]!)
}

function scaled(vector: Vector, norm: PlaneNorm): Float32Array {
  const length = norm === 'l2' ? Math.sqrt(dot(vector, vector)) : largest(vector)
  return Float32Array.from(vector, (v) => v / length)
}

function randomAxis(
  size: number,
  norm: PlaneNorm,
  seed: number,
  stream: number,
  across: readonly Float32Array[],
): Float32Array {
  const random = new Random(seed, stream)
  const drawn = Float64Array.from({ length: size }, () =>
    norm === 'linf' ? (random.uniform() < 0.5 ? -1 : 1) : random.normal(),
  )
  return scaled(
    across.reduce<Float64Array>((v, axis) => without(v, axis), drawn),
    norm,
  )
}

/** The direction along which rows vary most, and their sum of squares there: by powers of the small matrix of their products. */
function leading(rows: readonly Float64Array[]): { axis: Float64Array; power: number } {
  const products = rows.map((a) => rows.map((b) => dot(a, b)))
  let weights = products.map((row) => Math.sqrt(row.reduce((s, v) => s + v * v, 0)))
  for (let i = 0; i < 500; i++) {
    const next = products.map((row) => row.reduce((sum, v, k) => sum + v * weights[k]!, 0))
    const length = Math.hypot(...next)
    if (length === 0) break
    weights = next.map((v) => v / length)
  }
  const axis = new Float64Array(rows[0]!.length)
  rows.forEach((row, k) => row.forEach((v, j) => (axis[j]! += weights[k]! * v)))
  const length = Math.sqrt(dot(axis, axis)) || 1
  const unit = axis.map((v) => v / length)
  return { axis: unit, power: rows.reduce((sum, row) => sum + dot(row, unit) ** 2, 0) }
}
