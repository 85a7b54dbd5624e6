/** Traces the parts of an attack into graphs: its start, its step, and the judgement of what they arrive at. */
import {
  and,
  clip,
  gradientOf,
  less,
  not,
  or,
  scalar,
  where,
  withRank,
  type NDArray,
  type Tensor,
} from '@saddlepoint/autodiff'
import type { AttackDefinition, AttackScope, AttackSetting, AttackState, ConfiguredAttack } from './attack.ts'
import { TracedProgram, type Declare } from './program.ts'

/** Passes through the model that one call of a graph costs each sample. */
export interface Passes {
  forwards: number
  backwards: number
}

/** A size that no perturbation has: nothing was found yet. */
export const NOTHING = 1e30

/** A point that was evaluated. */
interface Visit {
  readonly p: Tensor
  readonly logits: Tensor
}

export class Tracer {
  readonly passes: Record<'start' | 'step' | 'finish', Passes> = {
    start: { forwards: 0, backwards: 0 },
    step: { forwards: 0, backwards: 0 },
    finish: { forwards: 0, backwards: 0 },
  }
  private readonly attack: ConfiguredAttack
  private readonly setting: AttackSetting
  private stateShapes: Readonly<Record<string, { shape: readonly number[]; type: NDArray['type'] }>> = {}

  constructor(attack: ConfiguredAttack, setting: AttackSetting) {
    this.attack = attack
    this.setting = setting
  }

  /** Must be traced first: the shapes of the state are read off it. */
  start(): Promise<TracedProgram> {
    return this.build('start', (declare) => {
      const { scope, visited } = this.scope(declare, this.passes.start)
      const first = this.attack.definition.start(scope, this.attack.options)
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
      const { scope, visited } = this.scope(declare, this.passes[part], () => declare.shared('step', []))
      const state = this.declareState(declare)
      const next = step(scope, state, this.attack.options)
      if (this.minimum) return prefixed(this.improved(scope, { ...state, ...next }, visited))
      return { ...prefixed(next), ...this.hits(scope, state, visited) }
    })
  }

  /** Judges where the state stands without a step, and gives the perturbed sample inside its bounds. */
  check(): Promise<TracedProgram> {
    return this.build('check', (declare) => {
      const { scope } = this.scope(declare, { forwards: 0, backwards: 0 })
      const state = this.declareState(declare)
      const [low, high] = this.setting.model.bounds
      const sample = (p: Tensor) => clip(scope.ball.apply(p), low, high)
      const logits = this.setting.model.logits(sample(state.p))
      if (!this.minimum)
        return { success: scope.succeeds(logits), adversarial: sample(state.p), size: scope.eps }
      const final = this.improved(scope, state, [{ p: state.p, logits }])
      const size = final['best.size']!
      return { success: less(size, NOTHING / 2), adversarial: sample(final['best.p']!), size }
    })
  }

  private get minimum(): boolean {
    return this.attack.definition.kind === 'minimum-norm'
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

  /** Whether a visited point succeeds; the point itself too, where it is another than the state's. */
  private hits(scope: AttackScope, state: AttackState, visited: readonly Visit[]): Record<string, Tensor> {
    if (!visited.length) return {}
    const [first, ...others] = visited.map(({ p, logits }) => ({ p, success: scope.succeeds(logits) }))
    let { p, success } = first!
    for (const other of others) {
      p = where(flag(and(other.success, not(success)), p), other.p, p)
      success = or(success, other.success)
    }
    return p === state.p ? { success } : { success, hit: p }
  }

  /** The state with the smallest successful perturbation so far. */
  private improved(scope: AttackScope, state: AttackState, visited: readonly Visit[]): AttackState {
    let [p, size] = [state['best.p']!, state['best.size']!]
    for (const visit of visited) {
      const found = scope.ball.size(visit.p)
      const better = and(scope.succeeds(visit.logits), less(found, size))
      p = where(flag(better, p), visit.p, p)
      size = where(better, found, size)
    }
    return { ...state, 'best.p': p, 'best.size': size }
  }

  private scope(declare: Declare, passes: Passes, step: () => Tensor = () => scalar(0)) {
    const { model, perturbation, loss, criterion } = this.setting
    const x = declare.perSample('x', model.shape)
    const labels = declare.perSample('labels', [], 'int64')
    const targets = declare.perSample('targets', [], 'int64')
    const eps = declare.perSample('eps', [])
    const around = (radius: Tensor) => perturbation.around({ x, eps: radius, bounds: model.bounds })
    const ball = around(eps)
    const visited: Visit[] = []
    const wanted = criterion.targeted ? targets : undefined
    const scope: AttackScope = {
      ball,
      around,
      norm: perturbation.name,
      x,
      eps,
      labels,
      targets: wanted,
      random: declare.random,
      step: step(),
      round: declare.shared('round', []),
      classes: model.classes,
      evaluate(p) {
        passes.forwards++
        const logits = model.logits(ball.apply(p))
        visited.push({ p, logits })
        return logits
      },
      loss: (logits, towards = wanted) => loss({ logits, labels, targets: towards }),
      succeeds: (logits) => criterion({ logits, labels, targets }),
      derivative(value, p) {
        passes.backwards++
        return gradientOf(value, p)
      },
      ascend: (p) => scope.derivative(scope.loss(scope.evaluate(p)), p),
    }
    return { scope, visited }
  }
}

/** One flag per sample, to choose between tensors like p. */
const flag = (perSample: Tensor, p: Tensor) => withRank(perSample, p.rank)

/** A graph's outputs may not be called like its inputs: what a step returns is `next.…`, what it is given `state.…`. */
const prefixed = (state: AttackState) =>
  Object.fromEntries(Object.entries(state).map(([key, t]) => [`next.${key}`, t]))
export const asState = (results: Readonly<Record<string, NDArray>>) =>
  Object.fromEntries(
    Object.entries(results).flatMap(([key, a]) =>
      key.startsWith('next.') ? [[key.replace('next.', 'state.'), a]] : [],
    ),
  )
