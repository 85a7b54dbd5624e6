/**
 * The overpowered attack: two codes whose samples lie next to each other and are of different classes to the classifier. A defence
 * that projects onto the generator's range, however well, takes one of them for the other. Jalal, Ilyas, Daskalakis, Dimakis 2017,
 * section 4.
 */
import {
  and,
  argMax,
  compile,
  equal,
  float32,
  gradientOf,
  greater,
  lessOrEqual,
  maximum,
  minimum,
  not,
  sqrt,
  stopGradient,
  takeRows,
  where,
  type NDArray,
  type Tensor,
} from '@saddlepoint/autodiff'
import { clopperPearson } from '../../evaluate/binomial.ts'
import { margin } from '../../losses/margin.ts'
import type { Target } from '../../model/target.ts'
import { traced } from '../../model/traced.ts'
import { fillNormal } from '../../random/philox.ts'
import { squaredError } from '../gmvae/gmvae.ts'
import type { Generator } from './autoencoder.ts'

/** Margin beyond which a sample is of a class surely enough. */
const ENOUGH = 0.5

export interface OverpoweredOptions {
  /** Largest Euclidean distance of the two samples (η). */
  readonly distance: number
  /** Steps of momentum ascent on both codes, each with one on the multiplier of the distance. @default 200 */
  readonly steps?: number
  /** Length of a step of the codes. @default 0.05 */
  readonly rate?: number
  /** Growth of the multiplier in a step, per unit of squared distance above the allowed one. @default 0.05 */
  readonly multiplierRate?: number
  /** @default 0 */
  readonly seed?: number
}

export interface Overpowered {
  readonly pairs: number
  /** Pairs within the distance that the classifier takes for different classes. */
  readonly found: number
  /** 95 % interval of their share. */
  readonly interval: readonly [number, number]
  /** Mean Euclidean distance of the pairs found; NaN if there are none. */
  readonly meanDistance: number
  /** The two samples of each pair found, [found, …shape]. */
  readonly samples: readonly [NDArray, NDArray]
}

/**
 * Looks for pairs of codes, from given ones and others beside them: the margins of G(z) for its class and of G(z′) against it are raised,
 * subject to ‖G(z) − G(z′)‖² ≤ η², by ascent on the Lagrangian with its multiplier.
 *
 * @param codes [n, latent] to set out from
 */
export async function overpowered(
  model: Target,
  generator: Generator,
  codes: NDArray,
  { distance, steps = 200, rate = 0.05, multiplierRate = 0.05, seed = 0 }: OverpoweredOptions,
): Promise<Overpowered> {
  const attacked = traced(model)
  const logits = (x: Tensor) => attacked.logits(x)
  const { engine } = model
  const [pairs, latent] = codes.dims as [number, number]
  const specs = [{ shape: [-1, latent] }, { shape: [-1, latent] }]
  const judge = (a: Tensor, b: Tensor) => {
    const [one, other] = [generator.decode(a), generator.decode(b)]
    const squared = squaredError(one, other)
    const labels = [one, other].map((s) => argMax(logits(s)))
    const holds = and(lessOrEqual(squared, distance ** 2), not(equal(labels[0]!, labels[1]!)))
    return { one, other, squared, holds }
  }
  const step = compile(
    (a: Tensor, b: Tensor, va: Tensor, vb: Tensor, multiplier: Tensor, labels: Tensor) => {
      const { squared, holds, one, other } = judge(a, b)
      // One sample stays of its class while the other leaves it; the distance pulls the first after the second.
      const stays = minimum(margin({ logits: logits(one), labels }).neg(), ENOUGH)
      const leaves = minimum(margin({ logits: logits(other), labels }), ENOUGH)
      const excess = squared.sub(distance ** 2)
      const value = stays.add(leaves).sub(multiplier.mul(maximum(excess, 0)))
      const move = (code: Tensor, velocity: Tensor) => {
        const g = stopGradient(gradientOf(value.sum(), code))
        const unit = g.div(sqrt(g.square().sum(1, true)).add(1e-12))
        const next = velocity.mul(0.75).add(unit.mul(rate))
        const done = holds.reshape([code.shape[0]!, 1])
        return { code: where(done, code, code.add(next)), velocity: next }
      }
      const [left, right] = [move(a, va), move(b, vb)]
      const grown = maximum(
        multiplier.add(where(greater(excess, 0), excess, excess.mul(0.1)).mul(multiplierRate)),
        0,
      )
      return {
        a: left.code,
        b: right.code,
        va: left.velocity,
        vb: right.velocity,
        multiplier: grown,
      }
    },
    {
      engine,
      specs: [...specs, ...specs, { shape: [-1] }, { shape: [-1], type: 'int64' }],
      name: 'overpowered',
    },
  )
  const last = compile(judge, { engine, specs })
  const first = compile((a: Tensor) => ({ label: argMax(logits(generator.decode(a))) }), {
    engine,
    specs: specs.slice(0, 1),
  })
  try {
    const noise = fillNormal(new Float32Array(pairs * latent), { seed, sample: 0 })
    let state: Record<'a' | 'b' | 'va' | 'vb' | 'multiplier', NDArray> = {
      a: codes,
      b: float32(
        codes.dims,
        noise.map((v, i) => Number(codes.data[i]) + 0.1 * v),
      ),
      va: float32(codes.dims, new Float32Array(pairs * latent)),
      vb: float32(codes.dims, new Float32Array(pairs * latent)),
      multiplier: float32([pairs], new Float32Array(pairs).fill(1)),
    }
    const { label: labels } = await first(codes)
    for (let i = 0; i < steps; i++)
      state = await step(state.a, state.b, state.va, state.vb, state.multiplier, labels)
    const { one, other, squared, holds } = await last(state.a, state.b)
    const found = Array.from(holds!.data, Number).flatMap((v, i) => (v ? [i] : []))
    const distances = found.map((i) => Math.sqrt(Number(squared!.data[i])))
    return {
      pairs,
      found: found.length,
      interval: clopperPearson(found.length, pairs),
      meanDistance: distances.reduce((s, v) => s + v, 0) / distances.length,
      samples: [takeRows(one!, found), takeRows(other!, found)],
    }
  } finally {
    await Promise.all([first, step, last].map((f) => f.release()))
  }
}
