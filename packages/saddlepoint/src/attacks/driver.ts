/**
 * The one loop that all traced attacks share: batching, dropping finished samples, restarts, budgets, abort, seeds and the
 * count of passes. What an attack adds is its start and its step.
 */
import {
  clip,
  gradientOf,
  scalar,
  int64,
  float32,
  sizeOf,
  takeRows,
  type NDArray,
  type Tensor,
} from '@saddlepoint/autodiff'
import type {
  AttackBatch,
  AttackControl,
  AttackOutcome,
  AttackScope,
  AttackSetting,
  AttackState,
  ConfiguredAttack,
  PreparedAttack,
} from './attack.ts'
import { TracedProgram, type Declare } from './program.ts'

/** Room for the steps of one restart in the numbering of random draws. */
const RESTART_STRIDE = 2 ** 20

/** Traces and loads an attack for one model, norm and criterion. */
export async function prepare(attack: ConfiguredAttack, setting: AttackSetting): Promise<PreparedAttack> {
  const tracer = new Tracer(attack, setting)
  const [start, step, check] = await Promise.all([tracer.start(), tracer.step(), tracer.check()])
  return new TracedAttack(attack, start, step, check, tracer.passes)
}

interface Passes {
  forwards: number
  backwards: number
}

class Tracer {
  readonly passes: Record<'start' | 'step', Passes> = {
    start: { forwards: 0, backwards: 0 },
    step: { forwards: 0, backwards: 0 },
  }
  private readonly attack: ConfiguredAttack
  private readonly setting: AttackSetting
  private stateShapes: Readonly<Record<string, { shape: readonly number[]; type: NDArray['type'] }>> = {}

  constructor(attack: ConfiguredAttack, setting: AttackSetting) {
    this.attack = attack
    this.setting = setting
  }

  async start(): Promise<TracedProgram> {
    return this.build('start', (declare) => {
      const scope = this.scope(declare, this.passes.start)
      const state = this.attack.definition.start(scope.scope, this.attack.options)
      this.stateShapes = Object.fromEntries(
        Object.entries(state).map(([k, t]) => [k, { shape: t.shape.slice(1), type: t.type }]),
      )
      return prefixed(state)
    })
  }

  async step(): Promise<TracedProgram> {
    return this.build('step', (declare) => {
      const { scope, visited } = this.scope(declare, this.passes.step, () => declare.shared('step', []))
      const state = this.declareState(declare)
      const next = this.attack.definition.step(scope, state, this.attack.options)
      const seen = visited.find((v) => v.p === state.p)
      return { ...prefixed(next), ...(seen ? { success: this.succeeds(scope, seen.logits) } : {}) }
    })
  }

  /** Judges a perturbation without a step, and gives the perturbed sample inside its bounds. */
  async check(): Promise<TracedProgram> {
    return this.build('check', (declare) => {
      const { scope } = this.scope(declare, { forwards: 0, backwards: 0 })
      const state = this.declareState(declare)
      const [low, high] = this.setting.model.bounds
      const adversarial = clip(scope.ball.apply(state.p), low, high)
      return { success: this.succeeds(scope, this.setting.model.logits(adversarial)), adversarial }
    })
  }

  private build(
    part: string,
    trace: (declare: Declare) => Readonly<Record<string, Tensor>>,
  ): Promise<TracedProgram> {
    const { engine, model } = this.setting
    return TracedProgram.build(engine, model.batch, `${this.attack.name}.${part}`, trace)
  }

  private declareState(declare: Declare): AttackState {
    const entries = Object.entries(this.stateShapes).map(([key, { shape, type }]) => [
      key,
      declare.perSample(`state.${key}`, shape, type),
    ])
    return Object.fromEntries(entries) as AttackState
  }

  private scope(declare: Declare, passes: Passes, step: () => Tensor = () => scalar(0)) {
    const { model, perturbation, loss, criterion } = this.setting
    const x = declare.perSample('x', model.shape)
    const labels = declare.perSample('labels', [], 'int64')
    const targets = declare.perSample('targets', [], 'int64')
    const eps = declare.perSample('eps', [])
    const ball = perturbation.around({ x, eps, bounds: model.bounds })
    const visited: { p: Tensor; logits: Tensor }[] = []
    const evaluate = (p: Tensor) => {
      passes.forwards++
      const logits = model.logits(ball.apply(p))
      visited.push({ p, logits })
      return logits
    }
    const wanted = criterion.targeted ? targets : undefined
    const scope: AttackScope = {
      ball,
      x,
      eps,
      labels,
      targets: wanted,
      random: declare.random,
      step: step(),
      evaluate,
      ascend: (p) => {
        passes.backwards++
        return gradientOf(loss({ logits: evaluate(p), labels, targets: wanted }), p)
      },
    }
    return { scope, visited, targets }
  }

  private succeeds({ labels, targets }: AttackScope, logits: Tensor): Tensor {
    return this.setting.criterion({ logits, labels, targets: targets ?? labels })
  }
}

/** A graph's outputs may not be called like its inputs: what a step returns is `next.…`, what it is given `state.…`. */
const prefixed = (state: AttackState) =>
  Object.fromEntries(Object.entries(state).map(([key, t]) => [`next.${key}`, t]))
const asState = (results: Readonly<Record<string, NDArray>>) =>
  Object.fromEntries(
    Object.entries(results).flatMap(([key, a]) =>
      key.startsWith('next.') ? [[key.replace('next.', 'state.'), a]] : [],
    ),
  )

class TracedAttack implements PreparedAttack {
  private readonly attack: ConfiguredAttack
  private readonly start: TracedProgram
  private readonly step: TracedProgram
  private readonly check: TracedProgram
  private readonly passes: Tracer['passes']

  constructor(
    attack: ConfiguredAttack,
    start: TracedProgram,
    step: TracedProgram,
    check: TracedProgram,
    passes: Tracer['passes'],
  ) {
    this.attack = attack
    this.start = start
    this.step = step
    this.check = check
    this.passes = passes
  }

  async run(batch: AttackBatch, control: AttackControl = {}): Promise<AttackOutcome> {
    const run = new Run(batch, control)
    const { restarts, iterates } = this.attack.options
    // Without a random draw every restart would be the same run again.
    const rounds = this.start.random || this.step.random ? restarts : 1
    for (let round = 0; round < rounds && run.standing.length; round++)
      await this.round(run, round, iterates === 'every')
    return run.outcome()
  }

  private async round(run: Run, round: number, everyIterate: boolean): Promise<void> {
    const { definition, options } = this.attack
    const place = (step: number) => run.place(round * RESTART_STRIDE + step)
    if (!run.affords(this.passes.start)) return
    let state = asState(await this.start.run(run.feeds(), place(0)))
    run.count(this.passes.start)
    const steps = definition.steps(options)
    for (let i = 0; i < steps && run.standing.length; i++) {
      if (!run.affords(this.passes.step)) break
      const results = await this.step.run({ ...run.feeds(), ...state, step: float32([], [i]) }, place(i + 1))
      run.count(this.passes.step)
      const { success } = results
      const next = asState(results)
      const done = everyIterate && success ? run.successes(success) : []
      if (done.length) await this.settle(run, state, done)
      state = done.length ? run.drop(next, done) : next
      run.report(round * steps + i + 1)
    }
    if (!run.standing.length) return
    await this.settle(run, state, undefined)
  }

  /** Judges the given rows (all when absent) once more as they will be handed out, inside their bounds, and keeps what holds. */
  private async settle(
    run: Run,
    state: Readonly<Record<string, NDArray>>,
    done: readonly number[] | undefined,
  ): Promise<void> {
    const positions = done ?? run.standing.map((_, i) => i)
    const feeds = { ...run.feeds(), ...state }
    const chosen = done ? mapValues(feeds, (a) => takeRows(a, done)) : feeds
    const { success, adversarial } = await this.check.run(chosen)
    run.countAt(positions, 1)
    run.keep(positions, success!, adversarial!)
    if (!done)
      run.drop(
        {},
        positions.filter((_, i) => success!.data[i]),
      )
  }

  async release(): Promise<void> {
    await Promise.all([this.start.release(), this.step.release(), this.check.release()])
  }
}

/** The samples of one batch as they go through an attack. */
class Run {
  /** Rows of the batch that have not fallen yet. */
  standing: number[]
  private readonly batch: AttackBatch
  private readonly control: AttackControl
  private readonly success: boolean[]
  private readonly adversarials: NDArray
  private readonly forwards: Uint32Array
  private readonly backwards: Uint32Array
  private readonly began = performance.now()
  private current: Record<string, NDArray>

  constructor(batch: AttackBatch, control: AttackControl) {
    const n = batch.samples.length
    this.batch = batch
    this.control = control
    this.standing = Array.from({ length: n }, (_, i) => i)
    this.success = Array.from({ length: n }, () => false)
    this.adversarials = { ...batch.x, data: batch.x.data.slice() }
    this.forwards = new Uint32Array(n)
    this.backwards = new Uint32Array(n)
    this.current = {
      x: batch.x,
      labels: int64([n], batch.labels),
      targets: int64([n], batch.targets ?? batch.labels),
      eps: float32([n], batch.eps),
    }
  }

  feeds(): Record<string, NDArray> {
    return this.current
  }

  place(step: number) {
    return { seed: this.control.seed ?? 0, samples: this.standing.map((i) => this.batch.samples[i]!), step }
  }

  /** Whether a call of this cost still fits the budgets; throws if the run was aborted. */
  affords({ forwards }: Passes): boolean {
    this.control.signal?.throwIfAborted()
    const { maxQueries = Infinity, maxTimeMs = Infinity } = this.control
    const spent = Math.max(0, ...this.standing.map((i) => this.forwards[i]!))
    return spent + forwards <= maxQueries && performance.now() - this.began < maxTimeMs
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

  /** Stores the perturbed samples at the given positions, and which of them are adversarial. */
  keep(positions: readonly number[], success: NDArray, adversarial: NDArray): void {
    const size = sizeOf(this.batch.x.dims.slice(1))
    positions.forEach((position, i) => {
      const row = this.standing[position]!
      this.adversarials.data.set(
        adversarial.data.subarray(i * size, (i + 1) * size) as Float32Array as never,
        row * size,
      )
      this.success[row] = Boolean(success.data[i])
    })
  }

  /** Leaves the successful among the given positions out from now on. */
  drop(state: Readonly<Record<string, NDArray>>, positions: readonly number[]): Record<string, NDArray> {
    const gone = new Set(positions.filter((i) => this.success[this.standing[i]!]))
    if (!gone.size) return state
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
      success: this.success,
      forwards: this.forwards,
      backwards: this.backwards,
    }
  }
}

function mapValues(
  record: Readonly<Record<string, NDArray>>,
  f: (a: NDArray) => NDArray,
): Record<string, NDArray> {
  return Object.fromEntries(Object.entries(record).map(([key, a]) => [key, f(a)]))
}
