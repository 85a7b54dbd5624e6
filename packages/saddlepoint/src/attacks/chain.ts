/** One attack on from where another ended. */
import { takeRows, type NDArray } from '@saddlepoint/autodiff'
import type { AttackBatch, AttackControl, AttackOutcome, ConfiguredAttack, PreparedAttack } from './attack.ts'
import { AttackOptionError, UNLIMITED } from './attack.ts'

/**
 * An attack that runs another first, and sets out from its last attempts where that has failed. A search for the smallest
 * perturbation sets out from what another one has found for each sample, if need be in another norm.
 *
 * @example startingFrom(square({ queries: 500 }), pgd())
 * @example startingFrom(sigmaZero(), fab())
 * @throws AttackOptionError for an attack that cannot be told where to start
 */
export function startingFrom(first: ConfiguredAttack, second: ConfiguredAttack): ConfiguredAttack {
  const name = `${first.name}>${second.name}`
  if (second.definition.resumes && first.definition.kind === 'minimum-norm')
    return { ...second, name, from: first }
  if (!('start' in second.definition.options.shape))
    throw new AttackOptionError(`${second.name} has a start of its own: it cannot go on from ${first.name}`)
  if (first.definition.kind !== 'fixed-eps')
    throw new AttackOptionError(`${first.name} keeps no radius: ${second.name} cannot go on from it`)
  return { ...second, name, from: first }
}

export class Chain implements PreparedAttack {
  private readonly first: PreparedAttack
  private readonly second: PreparedAttack

  private readonly minimum: boolean

  /** @param minimum whether both look for the smallest perturbation */
  constructor(first: PreparedAttack, second: PreparedAttack, minimum: boolean) {
    this.first = first
    this.second = second
    this.minimum = minimum
  }

  async run(batch: AttackBatch, control: AttackControl = {}): Promise<AttackOutcome> {
    // The radius is one of the second attack's norm.
    const unlimited = { ...batch, eps: batch.samples.map(() => UNLIMITED) }
    const before = await this.first.run(this.minimum ? unlimited : batch, control)
    const left = batch.samples.map((_, i) => i).filter((i) => this.minimum || !before.success[i])
    if (!left.length) return before
    const spent = Math.max(...left.map((i) => before.forwards[i]!))
    const after = await this.second.run(rowsOf(batch, left, takeRows(before.adversarials, left)), {
      ...control,
      maxQueries: control.maxQueries === undefined ? undefined : Math.max(control.maxQueries - spent, 0),
    })
    return merged(before, after, left)
  }

  async release(): Promise<void> {
    await Promise.all([this.first.release(), this.second.release()])
  }
}

function rowsOf(batch: AttackBatch, rows: readonly number[], start: NDArray): AttackBatch {
  const pick = <T>(values: ArrayLike<T>) => rows.map((i) => values[i]!)
  return {
    x: takeRows(batch.x, rows),
    labels: pick(batch.labels),
    targets: batch.targets && pick(batch.targets),
    eps: pick(batch.eps),
    samples: pick(batch.samples),
    start,
  }
}

/** The outcome of a whole batch, some rows of which were attacked once more. */
function merged(before: AttackOutcome, after: AttackOutcome, rows: readonly number[]): AttackOutcome {
  const success = [...before.success]
  const data = Float32Array.from(before.adversarials.data as Float32Array)
  const [forwards, backwards] = [before.forwards.slice(), before.backwards.slice()]
  const size = data.length / success.length
  rows.forEach((i, k) => {
    success[i] = after.success[k]!
    data.set(after.adversarials.data.subarray(k * size, (k + 1) * size) as Float32Array, i * size)
    forwards[i]! += after.forwards[k]!
    backwards[i]! += after.backwards[k]!
  })
  return { adversarials: { ...before.adversarials, data }, success, forwards, backwards }
}
