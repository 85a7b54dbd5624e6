/**
 * The Square attack's random search: schedule, windows and proposals. Andriushchenko, Croce, Flammarion, Hein 2020, Algorithms 1
 * to 3; in L1, Croce & Hein 2021, appendix.
 */
import {
  abs,
  and,
  argMax,
  constant,
  equal,
  float32,
  floor,
  gather,
  greater,
  greaterOrEqual,
  int64,
  less,
  maximum,
  minimum,
  or,
  round,
  scalar,
  sqrt,
  where,
  withRank,
  type Tensor,
} from '@saddlepoint/autodiff'
import type { AttackScope } from '../attacks/attack.ts'
import type { RandomSource } from '../attacks/random-source.ts'
import { like, sampleAxes } from '../perturbations/norms.ts'

export interface SquareOptions {
  readonly queries: number
  /** p: share of the pixels that the first windows change. */
  readonly pInit: number
  /** Whether the schedule, made for 10,000 queries, is stretched to the number of queries. */
  readonly rescale: boolean
}

/** After these iterations of 10,000 the share of pixels is halved (section 5, and the authors' code). */
const HALVINGS = [10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000]

/** Share of the pixels that the window of a step changes: a scalar. */
export function windowShare(step: Tensor, { queries, pInit, rescale }: SquareOptions): Tensor {
  const iteration = rescale ? floor(step.mul(10_000 / queries)) : step
  const halvings = greater(iteration, list(HALVINGS)).cast('float32').sum()
  return scalar(0.5).pow(halvings).mul(pInit)
}

/** Samples as pictures [channels, height, width]: a plain row of values is one channel of height 1. */
export function picture(x: Tensor): readonly [number, number, number] {
  const sizes = x.shape.slice(1)
  const [width = 1, height = 1] = sizes.toReversed()
  return [sizes.slice(0, -2).reduce((product, d) => product * d, 1), height, width]
}

/** A window at a random place: where each pixel lies in it, counted from its corner. */
export interface Window {
  /** Sizes: scalars. */
  readonly rows: Tensor
  readonly columns: Tensor
  /** Rows from the top, [N, 1, height, 1], and columns from the left, [N, 1, 1, width]. */
  readonly row: Tensor
  readonly column: Tensor
  /** Whether a pixel lies inside, bool [N, 1, height, width]. */
  readonly inside: Tensor
}

export function randomWindow(random: RandomSource, x: Tensor, rows: Tensor, columns: Tensor): Window {
  const [, height, width] = picture(x)
  const from = (size: Tensor, room: number) =>
    // A draw of almost 1 can be rounded up to the end.
    withRank(minimum(floor(random.uniform([]).mul(size.neg().add(room + 1))), size.neg().add(room)), 4)
  const row = list(range(height), [1, 1, height, 1]).sub(from(rows, height))
  const column = list(range(width), [1, 1, 1, width]).sub(from(columns, width))
  return { rows, columns, row, column, inside: and(within(row, rows), within(column, columns)) }
}

const within = (at: Tensor, size: Tensor) => and(greaterOrEqual(at, 0), less(at, size))

// Linf, Algorithm 2 -------------------------------------------------------------------------------------------------------

/** Vertical stripes of width 1, each ±eps in each channel. */
export function stripes({ ball, x, eps, random }: AttackScope): Tensor {
  const [channels, height, width] = picture(x)
  const signs = randomSigns(random, [channels, 1, width])
  const striped = signs.mul(
    list(
      Array.from({ length: height }, () => 1),
      [1, 1, height, 1],
    ),
  )
  return ball.project(striped.reshape(x.shape).mul(like(eps, x)))
}

/** One window becomes ±eps in each channel. */
export function squareLinf(
  { ball, x, eps, random, step }: AttackScope,
  best: Tensor,
  o: SquareOptions,
): Tensor {
  const [channels, height, width] = picture(x)
  const share = windowShare(step, o)
  const side = maximum(round(sqrt(share.mul(height * width))), 1)
  // A row of values has no squares: its windows are runs of the same share.
  const columns = height === 1 ? maximum(round(share.mul(width)), 1) : minimum(side, width)
  const { inside } = randomWindow(random, x, minimum(side, height), columns)
  const signs = randomSigns(random, [channels, 1, 1])
  const changed = (to: Tensor) =>
    ball.project(where(inside, to.mul(withRank(eps, 4)), asPictures(best)).reshape(x.shape))
  const p = changed(signs)
  // The authors draw the signs again until something changes: here one channel turns.
  const turn = argMax(random.uniform([channels])).cast('float32')
  const turned = equal(withRank(turn, 4), list(range(channels), [1, channels, 1, 1]))
  const same = equal(abs(p.sub(best)).max(sampleAxes(x)), 0)
  return where(like(same, x), changed(where(turned, signs.neg(), signs)), p)
}

// L2, Algorithm 3, and L1 ---------------------------------------------------------------------------------------------------------

/** The exponent of a norm that is a sum of powers. */
const exponentOf = (scope: AttackScope) => (scope.norm === 'l1' ? 1 : 2)
const powers = (t: Tensor, exponent: number) => (exponent === 1 ? abs(t) : t.square())
const root = (sum: Tensor, exponent: number) => (exponent === 1 ? sum : sqrt(sum))

/** Tiles of two opposite bumps each, five to a side, of total length eps in L2 and at most that in L1. */
export function bumps(scope: AttackScope): Tensor {
  const { x, random } = scope
  const [channels, height, width] = picture(x)
  const side = Math.floor(Math.min(height, width) / 5)
  const margin = Math.floor((Math.min(height, width) - 5 * side) / 2)
  const [down, across] = [height, width].map((size) => Math.floor((size - margin) / side)) as [number, number]
  const pixels = range(height * width).map((at) => {
    const [i, j] = [Math.floor(at / width) - margin, (at % width) - margin]
    const [tileRow, tileColumn] = [Math.floor(i / side), Math.floor(j / side)]
    const tiled = i >= 0 && j >= 0 && tileRow < down && tileColumn < across
    return {
      tiled,
      tile: tiled ? tileRow * across + tileColumn : 0,
      i: i - tileRow * side,
      j: j - tileColumn * side,
    }
  })
  const map = (of: (pixel: (typeof pixels)[number]) => number) => list(pixels.map(of), [1, 1, height, width])
  const tiles = constant(
    int64(
      [height, width],
      pixels.map((p) => p.tile),
    ),
  )
  const perTile = (draw: Tensor) => gather(draw, tiles, 2)
  const turned = greaterOrEqual(perTile(random.uniform([1, down * across])), 0.5)
  const signs = perTile(randomSigns(random, [channels, down * across]))
  const inside = greater(
    map((p) => Number(p.tiled)),
    0,
  )
  const bump = twoBumps(
    map((p) => p.i),
    map((p) => p.j),
    turned,
    scalar(side),
    inside,
    Math.max(height, width),
    exponentOf(scope),
  )
  return ofLength(scope, bump.mul(signs))
}

/** The change in one window is moved to another, with two bumps added; what length is left goes there too. */
export function squareBumps(scope: AttackScope, best: Tensor, o: SquareOptions): Tensor {
  const { x, eps, random, step } = scope
  const exponent = exponentOf(scope)
  const [channels, height, width] = picture(x)
  const smaller = Math.min(height, width)
  const wanted = maximum(round(sqrt(windowShare(step, o).mul(height * width))), 3)
  const odd = floor(wanted.div(2)).mul(2).add(1)
  const side = minimum(odd, smaller % 2 ? smaller : smaller - 1)
  const target = randomWindow(random, x, side, side)
  const source = randomWindow(random, x, side, side)
  const delta = asPictures(best)

  const perChannel = (t: Tensor) => powers(t, exponent).sum([2, 3], true)
  const cut = (t: Tensor, window: Tensor) => where(window, t, 0)
  const unused = maximum(powers(withRank(eps, 4), exponent).sub(perChannel(delta).sum(1, true)), 0)
  const length = root(
    perChannel(cut(delta, or(target.inside, source.inside))).add(unused.div(channels)),
    exponent,
  )
  const turned = greaterOrEqual(withRank(random.uniform([]), 4), 0.5)
  const longest = Math.max(height, width)
  const bump = twoBumps(target.row, target.column, turned, side, target.inside, longest, exponent)
  const old = cut(delta, target.inside)
  const direction = bump
    .mul(randomSigns(random, [channels, 1, 1]))
    .add(old.div(root(perChannel(old), exponent).add(1e-12)))
  const renewed = direction.div(root(perChannel(direction), exponent).add(1e-12)).mul(length)
  return ofLength(scope, where(target.inside, renewed, where(source.inside, 0, delta)))
}

/**
 * η (section 3.3): in a square, one bump that falls off by 1/m² from ring to ring, and its negative below it, or beside it
 * where turned; both halves of the same length, which is 1 for the whole.
 *
 * @param row row of each pixel in its square, and `column` likewise
 */
function twoBumps(
  row: Tensor,
  column: Tensor,
  turned: Tensor,
  side: Tensor,
  inside: Tensor,
  longest: number,
  exponent: number,
): Tensor {
  const [along, beside] = [where(turned, column, row), where(turned, row, column)]
  const rings = constant(float32([longest + 2], sumsOfInverseSquares(longest + 2)))
  const height = floor(side.div(2))
  const half = (at: Tensor, size: Tensor) => {
    const [a, b] = [floor(size.div(2)), floor(side.div(2))]
    const ring = maximum(abs(at.sub(a)), abs(beside.sub(b)))
    const value = gather(rings, maximum(a, b).add(1).cast('int64')).sub(
      gather(rings, minimum(ring, longest + 1).cast('int64')),
    )
    const cut = where(and(inside, within(at, size)), value, 0)
    return cut.div(root(powers(cut, exponent).sum([1, 2, 3], true), exponent).add(1e-12))
  }
  return half(along, height)
    .sub(half(along.sub(height), side.sub(height)))
    .mul(0.5 ** (1 / exponent))
}

/** Σ 1/m² over m ≤ n, for n from 0. */
function sumsOfInverseSquares(count: number): number[] {
  let sum = 0
  return range(count).map((n) => (sum += n ? 1 / n ** 2 : 0))
}

/** Of length eps in L2, where the bounds allow it; in L1 what is too long is projected, which leaves it sparse. */
function ofLength({ ball, x, eps, norm }: AttackScope, pictures: Tensor): Tensor {
  const delta = pictures.reshape(x.shape)
  if (norm === 'l1') return ball.project(delta)
  return ball.project(delta.mul(like(eps.div(maximum(ball.size(delta), 1e-12)), delta)))
}

const range = (count: number) => Array.from({ length: count }, (_, i) => i)
const list = (values: readonly number[], dims: readonly number[] = [values.length]) =>
  constant(float32(dims, values))
const randomSigns = (random: RandomSource, shape: readonly number[]) =>
  where(less(random.uniform(shape), 0.5), -1, 1)
const asPictures = (p: Tensor) => p.reshape([p.shape[0]!, ...picture(p)])
