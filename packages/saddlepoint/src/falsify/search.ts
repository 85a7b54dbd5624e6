/** The search for a counterexample: rounds of populations, first on the calling thread, then on all processors. */
import { createEngine, type Engine, type Model } from '@saddlepoint/autodiff'
import type { TracedProgram } from '../attacks/program.ts'
import { Population } from './population.ts'
import { Plan } from './plan.ts'
import { layoutOf, stepProgram } from './step.ts'
import type { Specification } from './vnnlib.ts'
import { witnessAt, type Witness } from './witness.ts'

export interface FalsifyOptions {
  /** @default 60 */
  readonly timeoutSeconds?: number
  /** @default 0 */
  readonly seed?: number
  /**
   * Worker threads that take over from the calling thread when a quick search has found nothing.
   * @default the number of processors, at most 8
   */
  readonly workers?: number
  readonly signal?: AbortSignal
}

export interface Falsification {
  /** The counterexample; undefined if none was found, which proves nothing. */
  readonly witness: Witness | undefined
  /** Gradients of single points. */
  readonly gradients: number
  /** The least margin seen per disjunct; at most 0 is a counterexample. */
  readonly margins: readonly number[]
}

/** So long the calling thread searches alone: threads take about as long to start and to load the model. */
const ALONE_MS = 700

/** Steps to make a counterexample hold by more than a rounding error, and the part of the start's margin that is enough. */
const DEEPEN_STEPS = 8
const DEEP = 1e-3

/**
 * Searches for an input that satisfies the specification on the untouched model.
 *
 * @throws ModelError if model and specification do not fit each other; NoGradientError if the model has no gradient
 */
export async function falsify(
  model: Model,
  specification: Specification,
  options: FalsifyOptions = {},
): Promise<Falsification> {
  layoutOf(model, specification)
  const search = new Search(model, specification, options)
  return specification.disjuncts.length ? search.run() : search.outcome()
}

class Search {
  private readonly model: Model
  private readonly specification: Specification
  private readonly options: FalsifyOptions
  private readonly deadline: number
  private readonly plan: Plan
  private witness: Witness | undefined
  private gradients = 0

  constructor(model: Model, specification: Specification, options: FalsifyOptions) {
    this.model = model
    this.specification = specification
    this.options = options
    this.deadline = performance.now() + (options.timeoutSeconds ?? 60) * 1000
    this.plan = new Plan(specification, options.seed ?? 0, layoutOf(model, specification).batch)
  }

  async run(): Promise<Falsification> {
    await this.on(createEngine({ workers: 0 }), performance.now() + ALONE_MS)
    if (this.searching) await this.on(createEngine({ workers: this.options.workers }), Infinity)
    return this.outcome()
  }

  outcome(): Falsification {
    return { witness: this.witness, gradients: this.gradients, margins: [...this.plan.margins] }
  }

  private get searching(): boolean {
    return !this.witness && !this.options.signal?.aborted && performance.now() < this.deadline
  }

  /** Searches on an engine until there is a witness or no time left. */
  private async on(engine: Engine, until: number): Promise<void> {
    try {
      const program = await stepProgram(this.model, this.specification, engine)
      const lane = async () => {
        while (this.searching && performance.now() < until) await this.round(program, until)
      }
      await Promise.all(Array.from({ length: engine.concurrency }, lane))
    } finally {
      await engine.close()
    }
  }

  private async round(program: TracedProgram, until: number): Promise<void> {
    const { walkers, steps } = this.plan.next()
    const population = new Population(walkers, this.specification.outputs, steps)
    let refused = 0
    for (let i = 0; i < steps && this.searching && performance.now() < until; i++) {
      const from = performance.now()
      await population.step(program)
      this.gradients += walkers.length
      this.plan.took(performance.now() - from, walkers.length)
      const { leader } = population
      const margin = population.bestMargins[leader]!
      // What failed on the file's own arithmetic is tried again when it goes deeper.
      if (!(margin <= refused) || this.witness) continue
      const witness = await this.check(population, leader)
      if (witness) this.witness ??= await this.deepened(witness, population, leader, program)
      else refused = margin - 1e-7 * Math.max(1, Math.abs(margin))
    }
    this.plan.learn(population)
  }

  private check(population: Population, i: number): Promise<Witness | undefined> {
    return witnessAt(this.model, this.specification, population.walkers[i]!.disjunct, population.bestOf(i))
  }

  /** A few more steps, so that the witness holds in the arithmetic of other runtimes too. */
  private async deepened(
    found: Witness,
    population: Population,
    leader: number,
    program: TracedProgram,
  ): Promise<Witness> {
    let witness = found
    for (let i = 0; i < DEEPEN_STEPS && witness.margin > -DEEP; i++) {
      await population.step(program)
      const better = await this.check(population, leader)
      if (better && better.margin < witness.margin) witness = better
    }
    return witness
  }
}
