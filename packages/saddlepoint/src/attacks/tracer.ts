/** Traces the parts of an attack into graphs: its start, its step, and the judgement of what they arrive at. */
import {
  and,
  clip,
  greaterOrEqual,
  less,
  lessOrEqual,
  not,
  or,
  scalar,
  stack,
  where,
  type NDArray,
  type Tensor,
} from '@saddlepoint/autodiff'
import type { AttackDefinition, AttackScope, AttackSetting, AttackState, ConfiguredAttack } from './attack.ts'
import { repeatRows } from '../perturbations/norms.ts'
import { TracedProgram, type Declare } from './program.ts'
import { flag, scopeOf, scoresOf, type Passes, type TracedScope, type Visit } from './scope.ts'

export type { Passes }

/** A size that no perturbation has: nothing was found yet. */
export const NOTHING = 1e30

/** Room for float32 rounding in a size, relative and absolute: half of what verification leaves. */
const ROUNDING = [5e-6, 5e-7] as const

/**
 * Share of a random model's draws at which a sample must be adversarial to be called so. An attack leaves a sample at its first
 * success: half of the draws would be reached by luck, and lost by it at the next look.
 */
const MOST_DRAWS = 0.75

export class Tracer {
  readonly passes: Record<'start' | 'step' | 'finish', Passes> = {
    start: { forwards: 0, backwards: 0 },
    step: { forwards: 0, backwards: 0 },
    finish: { forwards: 0, backwards: 0 },
  }
  private readonly attack: ConfiguredAttack
  private readonly setting: AttackSetting
  private readonly traced: TracedScope[] = []
  private stateShapes: Readonly<Record<string, { shape: readonly number[]; type: NDArray['type'] }>> = {}

  constructor(attack: ConfiguredAttack, setting: AttackSetting) {
    this.attack = attack
    this.setting = setting
  }

  /** Must be traced first: the shapes of the state are read off it. */
  start(): Promise<TracedProgram> {
    return this.build('start', (declare) => {
      const { scope, visited, remembered } = this.scope(declare, this.passes.start)
      const first = { ...this.attack.definition.start(scope, this.attack.options), ...remembered }
      const state = this.minimum
        ? this.improved(
            scope,
            {
              ...first,
              'best.p': first.p.mul(0),
              'best.size': scope.eps.mul(0).add(NOTHING),
              'best.floor': scope.eps.mul(0),
            },
            visited,
          )
        : first
      this.stateShapes = Object.fromEntries(
        Object.entries(state).map(([k, t]) => [k, { shape: t.shape.slice(1), type: t.type }]),
      )
      return prefixed(state)
    })
  }

  step(): Promise<TracedProgram> {
    return this.advance('step', this.attack.definition)
  }

  async finish(): Promise<TracedProgram | undefined> {
    const { finish } = this.attack.definition
    return finish && this.advance('finish', finish)
  }

  private advance(part: 'step' | 'finish', { step }: Pick<AttackDefinition, 'step'>): Promise<TracedProgram> {
    return this.build(part, (declare) => {
      const state = this.declareState(declare)
      const made = this.scope(declare, this.passes[part], state, declare.shared('step', []))
      const { scope, visited, remembered } = made
      const next = step(scope, state, this.attack.options)
      if (this.minimum) return prefixed(this.improved(scope, { ...state, ...next }, visited))
      return { ...prefixed({ ...remembered, ...next }), ...this.hits(scope, state, visited) }
    })
  }

  /** Judges where the state stands without a step, and gives the perturbed sample inside its bounds. */
  check(): Promise<TracedProgram> {
    return this.build('check', (declare) => {
      const state = this.declareState(declare)
      const { scope } = this.scope(declare, { forwards: 0, backwards: 0 }, state)
      const [low, high] = this.setting.model.bounds
      const sample = (p: Tensor) => clip(scope.ball.apply(p), low, high)
      const logits = this.answers(declare, sample(state.p))
      const succeeds = (scores: Tensor) => {
        const flags = scope.succeeds(scores)
        return flags.rank === 1 ? flags : greaterOrEqual(flags.cast('float32').mean(1), MOST_DRAWS)
      }
      const judge = { ...scope, succeeds }
      const found = (p: Tensor) => ({
        adversarial: sample(p),
        ...(this.setting.perturbation.parametric ? { parameters: p } : {}),
      })
      if (!this.minimum)
        return { success: this.holds(judge, state.p, logits), size: scope.eps, ...found(state.p) }
      const final = this.improved(judge, state, [{ p: state.p, logits }])
      const size = final['best.size']!
      return { success: less(size, NOTHING / 2), size, ...found(final['best.p']!) }
    })
  }

  /** Whether a point succeeds, and inside the set if the attack may be beyond it. */
  private holds(scope: AttackScope, p: Tensor, logits: Tensor): Tensor {
    const { definition, options } = this.attack
    const success = scope.succeeds(logits)
    if (!definition.wanders?.(scope.norm, options)) return success
    return and(success, lessOrEqual(scope.ball.size(p), scope.eps.mul(1 + ROUNDING[0]).add(ROUNDING[1])))
  }

  /** Shape of the parameters of one sample, in a parametric set. */
  get parameters(): readonly number[] | undefined {
    return this.setting.perturbation.parametric ? this.stateShapes['p']!.shape : undefined
  }

  /** Scores that a sample is judged by, [N, K]; of a random model those of several draws, [N, draws, K]. */
  private answers(declare: Declare, samples: Tensor): Tensor {
    const { draws = 1, randomness, batch, classes } = this.setting.model
    const scores = (x: Tensor) => scoresOf(this.setting, declare, x)
    if (draws === 1) return scores(samples)
    if (randomness === 'per sample' && batch < 0)
      return scores(repeatRows(samples, draws)).reshape([batch, draws, classes])
    return stack(
      Array.from({ length: draws }, () => scores(samples)),
      1,
    )
  }

  private get minimum(): boolean {
    return this.attack.definition.kind === 'minimum-norm'
  }

  private build(
    part: string,
    trace: (declare: Declare) => Readonly<Record<string, Tensor>>,
  ): Promise<TracedProgram> {
    const { engine, model } = this.setting
    const name = `${this.attack.name}.${part}`
    const outside = model.logits
      ? undefined
      : { classes: model.classes, ask: (x: NDArray) => model.predict(x) }
    return TracedProgram.build(engine, model.batch, name, trace, outside)
  }

  private declareState(declare: Declare): AttackState {
    const entries = Object.entries(this.stateShapes).map(([key, { shape, type }]) => [
      key,
      declare.perSample(`state.${key}`, shape, type),
    ])
    return Object.fromEntries(entries) as AttackState
  }

  /** Whether a visited point succeeds; the point itself too, where it is another than the state's. */
  private hits(scope: AttackScope, state: AttackState, visited: readonly Visit[]): Record<string, Tensor> {
    if (!visited.length) return {}
    const [first, ...others] = visited.map(({ p, logits }) => ({
      p,
      success: this.holds(scope, p, logits),
    }))
    let { p, success } = first!
    for (const other of others) {
      p = where(flag(and(other.success, not(success)), p), other.p, p)
      success = or(success, other.success)
    }
    return p === state.p ? { success } : { success, hit: p }
  }

  /** The state with the smallest successful perturbation so far. */
  private improved(scope: AttackScope, state: AttackState, visited: readonly Visit[]): AttackState {
    const { definition, options } = this.attack
    let [p, size] = [state['best.p']!, state['best.size']!]
    for (const visit of visited) {
      const found = definition.size?.(visit.p, scope.ball, options) ?? scope.ball.size(visit.p)
      const better = and(scope.succeeds(visit.logits), less(found, size))
      p = where(flag(better, p), visit.p, p)
      size = where(better, found, size)
    }
    return { ...state, 'best.p': p, 'best.size': size }
  }

  private scope(declare: Declare, passes: Passes, state?: AttackState, step: Tensor = scalar(0)) {
    const traced = scopeOf(this.attack, this.setting, declare, passes, state, step)
    this.traced.push(traced)
    return traced
  }

  /** Most rows that one evaluation has for each sample. */
  get width(): number {
    return Math.max(...this.traced.map((t) => t.width()))
  }
}

/** A graph's outputs may not be called like its inputs: what a step returns is `next.…`, what it is given `state.…`. */
const prefixed = (state: AttackState) =>
  Object.fromEntries(Object.entries(state).map(([key, t]) => [`next.${key}`, t]))
export const asState = (results: Readonly<Record<string, NDArray>>) =>
  Object.fromEntries(
    Object.entries(results).flatMap(([key, a]) =>
      key.startsWith('next.') ? [[key.replace('next.', 'state.'), a]] : [],
    ),
  )
