/** Attacks on the smoothed classifier inside what is certified, where none may succeed, and beyond it, where they should. */
import { float32, takeRows, type NDArray } from '@saddlepoint/autodiff'
import { AttackOptionError, type ConfiguredAttack } from '../attacks/attack.ts'
import { prepare } from '../attacks/driver.ts'
import { misclassified } from '../criteria/criterion.ts'
import { samples } from '../evaluate/campaign.ts'
import { chunked, concurrently } from '../evaluate/lanes.ts'
import type { EvaluationData } from '../evaluate/options.ts'
import { parseLoss } from '../losses/index.ts'
import type { Target } from '../model/target.ts'
import { l2 } from '../perturbations/index.ts'
import { predictSmoothed, type Certificate, type SmoothingOptions } from './randomized-smoothing.ts'
import { smoothed } from './smoothed.ts'

export interface CertifiedAttackOptions extends SmoothingOptions {
  /** Attacks for the L2 norm; those with a radius are given that of each sample. */
  readonly attacks: readonly ConfiguredAttack[]
  /** Multiples of the certified radius to attack at. @default [1] */
  readonly multiples?: readonly number[]
  /** Noisy copies of a sample that one evaluation of an attack is the mean of. @default 8 */
  readonly copies?: number
  /** Draws of the fresh prediction that judges an attempt. @default draws */
  readonly verdictDraws?: number
  /** Samples attacked together. @default 32 */
  readonly attackedTogether?: number
  readonly onProgress?: (stage: string, done: number, total: number) => void
}

export interface CertifiedAttackOutcome {
  readonly attack: string
  readonly options: Readonly<Record<string, unknown>>
  /** Of the certified radius. */
  readonly multiple: number
  /** Certified samples that were attacked. */
  readonly attacked: number
  /** Of another class in a fresh prediction of the smoothed classifier: none, at a multiple of at most 1. */
  readonly broken: number
  /** Samples whose class that prediction could not tell. */
  readonly abstained: number
  /** Indices of what was broken. */
  readonly samples: readonly number[]
  readonly seconds: number
}

/** Room for single precision: what is judged lies inside the radius, not on it. */
const INSIDE = 1 - 1e-6

/**
 * Every attempt is brought into its radius (onto it, for an attack that looks for the smallest perturbation) and predicted with fresh
 * noise, whatever the attack itself claims.
 *
 * @param certificates of `data`, by `certify` with the same sigma
 * @throws AttackOptionError for an attack that is not made for L2
 */
export async function attackCertified(
  model: Target,
  data: EvaluationData,
  certificates: readonly Certificate[],
  options: CertifiedAttackOptions,
): Promise<CertifiedAttackOutcome[]> {
  const { attacks, multiples = [1], seed = 0, attackedTogether = 32, signal, onProgress } = options
  const { sigma, copies, batchSize, verdictDraws = options.draws } = options
  const other = attacks.find(({ definition: { norms } }) => norms && !norms.includes(l2.name))
  if (other)
    throw new AttackOptionError(
      `${other.name} is not for L2, in which smoothing certifies: use pgd or the like`,
    )
  const certified = certificates.filter((c) => c.predicted !== undefined && c.radius > 0)
  const target = smoothed(model, { sigma, copies, batchSize, seed })
  const found: CertifiedAttackOutcome[] = []
  for (const attack of attacks) {
    const prepared = await prepare(toTheEnd(attack), {
      model: target,
      perturbation: l2,
      criterion: misclassified,
      loss: parseLoss(attack.options.loss),
      engine: model.engine,
    })
    try {
      for (const multiple of multiples) {
        const began = performance.now()
        const broken: number[] = []
        let [abstained, done] = [0, 0]
        const lanes = model.engine.concurrency
        await concurrently(chunked(certified, attackedTogether), lanes, signal, async (chunk) => {
          const indices = chunk.map((c) => c.index)
          const radii = chunk.map((c) => c.radius * multiple)
          const x = await samples(data, indices)
          const labels = chunk.map((c) => c.predicted!)
          const { adversarials } = await prepared.run(
            { x, labels, eps: radii, samples: indices },
            { seed, signal },
          )
          const after = await predictSmoothed(
            model,
            brought(x, adversarials, radii, attack.definition.kind === 'minimum-norm'),
            // Other noise than certified the sample, and than the attack was made with.
            { ...options, draws: verdictDraws, seed: seed + 1 },
            indices,
          )
          after.forEach((predicted, i) => {
            if (predicted === undefined) abstained++
            else if (predicted !== labels[i]) broken.push(indices[i]!)
          })
          onProgress?.(
            `${attack.name} at ${multiple} of the radius`,
            (done += chunk.length),
            certified.length,
          )
        })
        found.push({
          attack: attack.name,
          options: attack.options,
          multiple,
          attacked: certified.length,
          broken: broken.length,
          abstained,
          samples: broken.toSorted((a, b) => a - b),
          seconds: (performance.now() - began) / 1000,
        })
      }
    } finally {
      await prepared.release()
    }
  }
  return found
}

/** A success at one draw of the noise says little: attacks with a radius go to their end. */
const toTheEnd = (attack: ConfiguredAttack): ConfiguredAttack => ({
  ...attack,
  options: { ...attack.options, iterates: 'last' },
})

/**
 * Every row in its direction from the clean sample, no farther than its radius.
 *
 * @param out whether as far as that: the smallest perturbation leads to the boundary, where no prediction is sure of either side
 */
function brought(x: NDArray, y: NDArray, radii: readonly number[], out: boolean): NDArray {
  const size = x.data.length / radii.length
  const back = takeRows(
    y,
    radii.map((_, i) => i),
  )
  radii.forEach((radius, i) => {
    let squares = 0
    for (let j = i * size; j < (i + 1) * size; j++) squares += (Number(y.data[j]) - Number(x.data[j])) ** 2
    const whole = (radius * INSIDE) / Math.sqrt(squares)
    const factor = out ? whole : Math.min(1, whole)
    if (squares > 0 && factor !== 1)
      for (let j = i * size; j < (i + 1) * size; j++)
        back.data[j] = Number(x.data[j]) + factor * (Number(y.data[j]) - Number(x.data[j]))
  })
  return float32(x.dims, back.data as Float32Array)
}
