/** The samples of one batch on their way through an attack: who still stands, what was found, what it cost. */
import { float32, int64, rows, sizeOf, takeRows, type NDArray, joinRows } from '@saddlepoint/autodiff'
import { UNLIMITED, type AttackBatch, type AttackControl, type AttackOutcome } from './attack.ts'
import type { Passes } from './tracer.ts'

/** Samples set aside for a while, by their rows of the batch, with their feeds and their state. */
interface Parked {
  readonly rows: readonly number[]
  readonly current: Readonly<Record<string, NDArray>>
  readonly state: Readonly<Record<string, NDArray>>
}

export class Run {
  /** Rows of the batch that have not fallen yet. */
  standing: number[]
  private readonly batch: AttackBatch
  private readonly control: AttackControl
  private readonly success: boolean[]
  private readonly adversarials: NDArray
  private readonly parameters: NDArray | undefined
  private readonly sizes: Float64Array
  private readonly forwards: Uint32Array
  private readonly backwards: Uint32Array
  private readonly began = performance.now()
  private current: Record<string, NDArray>
  private parked: Parked[] = []

  /**
   * @param minimum whether the smallest perturbation is looked for: its graphs then know of no radius
   * @param parameters shape of one sample's parameters, where they are to be kept too
   */
  constructor(
    batch: AttackBatch,
    control: AttackControl,
    minimum: boolean,
    parameters: readonly number[] | undefined,
  ) {
    const n = batch.samples.length
    this.batch = batch
    this.control = control
    this.standing = Array.from({ length: n }, (_, i) => i)
    this.success = Array.from({ length: n }, () => false)
    this.sizes = new Float64Array(n)
    this.adversarials = { ...batch.x, data: batch.x.data.slice() }
    this.parameters = parameters && float32([n, ...parameters], new Float32Array(n * sizeOf(parameters)))
    this.forwards = new Uint32Array(n)
    this.backwards = new Uint32Array(n)
    this.current = {
      x: batch.x,
      labels: int64([n], batch.labels),
      targets: int64([n], batch.targets ?? batch.labels),
      eps: float32([n], minimum ? Array.from(batch.eps, () => UNLIMITED) : batch.eps),
      ...(batch.start && { given: batch.start }),
    }
  }

  feeds(): Record<string, NDArray> {
    return this.current
  }

  /** @param positions among the standing; all of them if absent */
  place(step: number, positions: readonly number[] = this.standing.map((_, i) => i)) {
    const samples = positions.map((i) => this.batch.samples[this.standing[i]!]!)
    return { seed: this.control.seed ?? 0, samples, step }
  }

  /** Whether a call of this cost still fits the budgets; throws if the run was aborted. */
  affords({ forwards }: Passes): boolean {
    this.control.signal?.throwIfAborted()
    const { maxQueries = Infinity, maxTimeMs = Infinity } = this.control
    const spent = Math.max(0, ...this.standing.map((i) => this.forwards[i]!))
    // What a round arrives at is looked at once more.
    return spent + forwards + 1 <= maxQueries && performance.now() - this.began < maxTimeMs
  }

  count({ forwards, backwards }: Passes): void {
    for (const i of this.standing) {
      this.forwards[i]! += forwards
      this.backwards[i]! += backwards
    }
  }

  countAt(positions: readonly number[], forwards: number): void {
    for (const position of positions) this.forwards[this.standing[position]!]! += forwards
  }

  /** Positions among the standing whose flag is set. */
  successes(flags: NDArray): number[] {
    return this.standing.map((_, i) => i).filter((i) => flags.data[i])
  }

  /** Positions among the standing for which something was found that is as small as was asked for. */
  reached(sizes: NDArray): number[] {
    const asked = this.standing.map((i) => this.batch.eps[i]!)
    return asked.flatMap((eps, i) => (eps < UNLIMITED && Number(sizes.data[i]) <= eps ? [i] : []))
  }

  /** Stores the perturbed samples at the given positions, if they succeed with a smaller size than before, or nothing did. */
  keep(
    positions: readonly number[],
    success: NDArray,
    size: NDArray,
    { adversarial, parameters }: Readonly<Record<string, NDArray>>,
  ): void {
    positions.forEach((position, i) => {
      const row = this.standing[position]!
      const found = Boolean(success.data[i])
      if (this.success[row] && !(found && Number(size.data[i]) < this.sizes[row]!)) return
      copyRow(adversarial!, i, this.adversarials, row)
      if (this.parameters) copyRow(parameters!, i, this.parameters, row)
      this.success[row] = found
      this.sizes[row] = Number(size.data[i])
    })
  }

  /** Sets the given positions aside, with their state, until `rejoin`; returns the state of the others. */
  park(state: Readonly<Record<string, NDArray>>, positions: readonly number[]): Record<string, NDArray> {
    if (!positions.length) return state
    this.parked.push({
      rows: positions.map((i) => this.standing[i]!),
      current: mapValues(this.current, (a) => takeRows(a, positions)),
      state: mapValues(state, (a) => takeRows(a, positions)),
    })
    return this.leave(state, new Set(positions))
  }

  /** Takes all that were set aside in again, in their old order. */
  rejoin(state: Readonly<Record<string, NDArray>>): Record<string, NDArray> {
    if (!this.parked.length) return state
    const groups = [...this.parked, { rows: this.standing, current: this.current, state }]
    const rows = groups.flatMap((g) => g.rows)
    const order = rows.map((_, i) => i).toSorted((a, b) => rows[a]! - rows[b]!)
    const together = (of: (group: Parked) => Readonly<Record<string, NDArray>>) =>
      mapValues(of(groups[0]!), (_, key) => takeRows(joinRows(groups.map((g) => of(g)[key]!)), order))
    this.standing = order.map((i) => rows[i]!)
    this.current = together((g) => g.current)
    this.parked = []
    return together((g) => g.state)
  }

  /** Leaves the successful among the given positions out from now on. */
  drop(state: Readonly<Record<string, NDArray>>, positions: readonly number[]): Record<string, NDArray> {
    const gone = new Set(positions.filter((i) => this.success[this.standing[i]!]))
    return gone.size ? this.leave(state, gone) : state
  }

  private leave(
    state: Readonly<Record<string, NDArray>>,
    gone: ReadonlySet<number>,
  ): Record<string, NDArray> {
    const left = this.standing.map((_, i) => i).filter((i) => !gone.has(i))
    this.standing = left.map((i) => this.standing[i]!)
    this.current = mapValues(this.current, (a) => takeRows(a, left))
    return mapValues(state, (a) => takeRows(a, left))
  }

  report(step: number): void {
    this.control.onStep?.(step, this.standing.length)
  }

  outcome(): AttackOutcome {
    return {
      adversarials: this.adversarials,
      ...(this.parameters && { parameters: this.parameters }),
      success: this.success,
      forwards: this.forwards,
      backwards: this.backwards,
    }
  }
}

function copyRow(from: NDArray, source: number, to: NDArray, target: number): void {
  const length = sizeOf(to.dims.slice(1))
  const values = from.data.subarray(source * length, (source + 1) * length) as Float32Array
  ;(to.data as Float32Array).set(values, target * length)
}

export function mapValues(
  record: Readonly<Record<string, NDArray>>,
  f: (a: NDArray, key: string) => NDArray,
): Record<string, NDArray> {
  return Object.fromEntries(Object.entries(record).map(([key, a]) => [key, f(a, key)]))
}

/** The samples from one position to another. */
export function partOf(batch: AttackBatch, from: number, to: number): AttackBatch {
  const part = (values: ArrayLike<number>) => Array.from(values).slice(from, to)
  return {
    x: rows(batch.x, from, Math.min(to, batch.samples.length)),
    labels: part(batch.labels),
    targets: batch.targets && part(batch.targets),
    eps: part(batch.eps),
    samples: batch.samples.slice(from, to),
  }
}

/** Outcomes of parts of a batch as that of the whole. */
export function joined(parts: readonly AttackOutcome[]): AttackOutcome {
  const whole = (of: (part: AttackOutcome) => Uint32Array) =>
    Uint32Array.from(parts.flatMap((p) => Array.from(of(p))))
  const parameters = parts.flatMap((p) => p.parameters ?? [])
  return {
    adversarials: joinRows(parts.map((p) => p.adversarials)),
    ...(parameters.length && { parameters: joinRows(parameters) }),
    success: parts.flatMap((p) => p.success),
    forwards: whole((p) => p.forwards),
    backwards: whole((p) => p.backwards),
  }
}
