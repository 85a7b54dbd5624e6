/** A target that can only be asked: a function, or whatever stands behind one. */
import { createEngine, float32, rows, takeRows, type Engine, type NDArray } from '@saddlepoint/autodiff'
import type { Conventions } from './conventions.ts'
import { ClassifierError } from './errors.ts'
import { decide, ranking, type Ranked } from './ranking.ts'
import type { Target } from './target.ts'

/** Thrown instead of asking for more than the budget. */
export class QueryBudgetError extends Error {
  override name = 'QueryBudgetError'
}

/**
 * Answers for samples [n, …shape], one row each: scores [n, classes], or with access 'labels' the index of the class, [n] or
 * [n, 1]. Classes that are not told (top-k answers) are NaN.
 */
export type Ask = (samples: NDArray, signal: AbortSignal | undefined, charge: Charge) => Promise<NDArray>

/** Takes queries from the budget beyond the first of each sample, for tries again. @throws QueryBudgetError */
export type Charge = (queries: number) => void

export interface BlackBoxOptions {
  readonly shape: readonly number[]
  readonly classes: number
  /** @default 'scores' */
  readonly access?: 'scores' | 'labels'
  /** Whether the scores are probabilities; logits otherwise. @default true */
  readonly probabilities?: boolean
  /** @default [0, 1] */
  readonly bounds?: readonly [number, number]
  readonly name?: string
  readonly classNames?: readonly string[]
  readonly labelOffset?: number
  readonly engine?: Engine
  /** Samples that may be asked for in all. @default no limit */
  readonly maxQueries?: number
  /** Samples asked for together. @default 64 */
  readonly batchSize?: number
  /** Answers remembered, so that no sample is asked for twice. @default 100,000 */
  readonly cache?: number
}

/**
 * @throws QueryBudgetError, later, where a question would exceed `maxQueries`
 * @throws ClassifierError, later, where an answer has another shape than it should
 */
export const blackBox = (ask: Ask, options: BlackBoxOptions) => new BlackBox(ask, options)

export class BlackBox implements Target {
  readonly name: string
  readonly access: 'scores' | 'labels'
  readonly bounds: readonly [number, number]
  readonly shape: readonly number[]
  readonly classes: number
  readonly classNames: readonly string[] | undefined
  readonly engine: Engine
  readonly conventions: Conventions
  readonly notices: readonly string[] = []
  readonly batch = -1
  readonly givesProbabilities = false
  private readonly ask: Ask
  private readonly options: BlackBoxOptions
  private readonly answers = new Map<string, Float32Array>()
  private asked = 0

  constructor(ask: Ask, options: BlackBoxOptions) {
    this.ask = ask
    this.options = options
    this.name = options.name ?? 'target'
    this.access = options.access ?? 'scores'
    this.bounds = options.bounds ?? [0, 1]
    this.shape = options.shape
    this.classes = options.classes
    this.classNames = options.classNames
    this.engine = options.engine ?? createEngine()
    this.conventions = { labelOffset: options.labelOffset }
  }

  /** Samples asked for so far; those whose answers were remembered are not asked for again. */
  get queries(): number {
    return this.asked
  }

  async predict(x: NDArray, signal?: AbortSignal): Promise<NDArray> {
    const count = x.dims[0]!
    const keys = await Promise.all(Array.from({ length: count }, (_, i) => digest(rows(x, i, i + 1))))
    const unknown = [...new Map(keys.map((key, i) => [key, i]))].filter(([key]) => !this.answers.has(key))
    const { batchSize = 64 } = this.options
    for (let from = 0; from < unknown.length; from += batchSize)
      await this.learn(x, unknown.slice(from, from + batchSize), signal)
    const scores = new Float32Array(count * this.classes)
    keys.forEach((key, i) => scores.set(this.answers.get(key)!, i * this.classes))
    this.forget()
    return float32([count, this.classes], scores)
  }

  private async learn(
    x: NDArray,
    wanted: [string, number][],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    signal?.throwIfAborted()
    this.charge(wanted.length)
    const answer = await this.ask(
      takeRows(
        x,
        wanted.map(([, i]) => i),
      ),
      signal,
      this.charge,
    )
    const expected = this.access === 'labels' ? wanted.length : wanted.length * this.classes
    if (answer.data.length !== expected)
      throw new ClassifierError(
        `${this.name} answered ${wanted.length} samples with ${answer.data.length} numbers [${answer.dims.join(', ')}] where ${expected} were expected: check the number of classes and what the target gives`,
      )
    wanted.forEach(([key], i) => this.answers.set(key, this.logitsOf(answer, i)))
  }

  /** Counts before the answer: a question that fails may have been counted at the other end. */
  private readonly charge: Charge = (queries) => {
    const { maxQueries = Infinity } = this.options
    if (this.asked + queries > maxQueries)
      throw new QueryBudgetError(
        `${this.name}: ${this.asked} of ${maxQueries} queries are spent and ${queries} more were needed; raise the budget, or attack fewer samples`,
      )
    this.asked += queries
  }

  /** Log-probabilities; of a label alone, 0 for it and −1 for the others. */
  private logitsOf(answer: NDArray, row: number): Float32Array {
    if (this.access === 'labels') {
      const label = Number(answer.data[row]) + (this.options.labelOffset ?? 0)
      if (!(Number.isInteger(label) && label >= 0 && label < this.classes))
        throw new ClassifierError(`${this.name} answered with class ${label}; there are ${this.classes}`)
      return Float32Array.from({ length: this.classes }, (_, i) => (i === label ? 0 : -1))
    }
    const { probabilities = true } = this.options
    const given = Array.from({ length: this.classes }, (_, i) => Number(answer.data[row * this.classes + i]))
    const untold = given.filter(Number.isNaN).length
    // What the told classes leave is shared by the others, none of which is above the least of them.
    const told = given.filter((v) => !Number.isNaN(v))
    const rest = probabilities
      ? Math.min((1 - told.reduce((a, b) => a + b, 0)) / untold, ...told)
      : Math.min(...told) - 1
    const full = given.map((v) => (Number.isNaN(v) ? rest : v))
    return Float32Array.from(full, (v) => (probabilities ? Math.log(Math.max(v, 1e-38)) : v))
  }

  private forget(): void {
    const { cache = 100_000 } = this.options
    for (const key of this.answers.keys()) {
      if (this.answers.size <= cache) return
      this.answers.delete(key)
    }
  }

  decide(scores: NDArray): { label: number; confidence: number }[] {
    return decide(scores, false)
  }

  ranking(scores: NDArray, row: number, k: number): Ranked[] {
    return ranking(scores, row, k, false)
  }

  async release(): Promise<void> {
    this.answers.clear()
  }
}

async function digest({ data }: NDArray): Promise<string> {
  const { buffer, byteOffset, byteLength } = data as Float32Array<ArrayBuffer>
  const hash = await crypto.subtle.digest('SHA-256', new Uint8Array(buffer, byteOffset, byteLength))
  return String.fromCharCode(...new Uint8Array(hash))
}
