/** What the checks of an audit share: the evaluation so far, a few of its samples, and probes of the model that are made once. */
import {
  compile,
  gradientOf,
  input,
  int64,
  rows,
  surveyGradient,
  type GradientSurvey,
  type NDArray,
  type Tensor,
} from '@saddlepoint/autodiff'
import type { ConfiguredAttack } from '../attacks/attack.ts'
import { pgd } from '../attacks/pgd.ts'
import { misclassified } from '../criteria/criterion.ts'
import type { Target } from '../model/target.ts'
import { runCampaign, samples as samplesOf, type Field } from '../evaluate/campaign.ts'
import { isRight } from '../evaluate/clean.ts'
import type { AttackedSample } from '../evaluate/options.ts'
import type { ThreatResult } from '../evaluate/result.ts'
import { parseLoss } from '../losses/index.ts'
import type { Perturbation } from '../perturbations/perturbation.ts'
import { stepsOf } from './check.ts'
import { traceAttack, type Trace } from './trace.ts'

/** Samples that forward passes are spent on, and samples that attacks are run on. */
const PROBED = 64
const ATTACKED = { quick: 16, full: 64 } as const

export interface Evaluated {
  readonly field: Field
  readonly results: readonly ThreatResult[]
  /** By `norm:eps:attack`. */
  readonly outcomes: ReadonlyMap<string, ReadonlyMap<number, AttackedSample>>
}

/** Gradients of the loss at the clean samples, as far as an attack can use them. */
export interface GradientProbe {
  readonly samples: number
  /** Samples whose gradient is 0 everywhere. */
  readonly zero: number
  /** Samples whose gradient, loss or scores are not all finite numbers. */
  readonly broken: number
}

export class AuditContext {
  readonly mode: 'quick' | 'full'
  readonly field: Field
  readonly results: readonly ThreatResult[]
  readonly outcomes: Evaluated['outcomes']
  /** The ball that attacks are repeated in: the largest in which something stands, or the largest at all. */
  readonly threat: { readonly perturbation: Perturbation; readonly eps: number } | undefined
  /** The gradient attack that left least there; a PGD of our own where there was none. */
  readonly attack: ConfiguredAttack
  /** Whether the evaluation itself had a gradient attack with a radius. */
  readonly hasAttack: boolean
  private readonly memory = new Map<string, Promise<unknown>>()

  constructor({ field, results, outcomes }: Evaluated, mode: 'quick' | 'full') {
    this.mode = mode
    this.field = field
    this.results = results
    this.outcomes = outcomes
    const result = results.findLast((r) => r.robustAccuracy > 0) ?? results.at(-1)
    const perturbation = field.options.perturbations.find((p) => p.name === result?.norm)
    this.threat = result && perturbation && { perturbation, eps: result.eps }
    const used = field.options.attacks.filter(isGradientAttack)
    const left = (a: ConfiguredAttack) => result?.attacks[a.name]?.robustAccuracy ?? 1
    const iterative = used.filter((a) => stepsOf(a, field.model.shape) > 1)
    const candidates = iterative.length ? iterative : used
    this.hasAttack = used.length > 0
    this.attack = candidates.length ? candidates.reduce((a, b) => (left(b) <= left(a) ? b : a)) : pgd()
  }

  /** Whether the graph of the model can be looked into, and is what the attacks climb. */
  get isOpen(): boolean {
    return this.field.model.logits !== undefined && !this.field.options.substitute
  }

  /** Indices of samples that are right when clean. */
  get right(): readonly number[] {
    return this.field.clean.flatMap((sample, i) => (isRight(sample) ? [i] : []))
  }

  /** Those that every attack of the evaluation has left standing in the threat's ball. */
  get standing(): readonly number[] {
    const fallen = new Set<number>()
    const prefix = this.threat && `${this.threat.perturbation.name}:${this.threat.eps}:`
    for (const [place, rows] of this.outcomes)
      if (prefix && place.startsWith(prefix))
        for (const row of rows.values()) if (row.success) fallen.add(row.index)
    return this.right.filter((i) => !fallen.has(i))
  }

  /** So many that an attack may be run on them. */
  few(indices: readonly number[]): readonly number[] {
    return spread(indices, ATTACKED[this.mode])
  }

  /** Outputs of a run of the file for some samples: a random one gives others each time. */
  async answers(runs: number): Promise<NDArray[]> {
    const { x } = await this.probed()
    const { model } = this.field
    const ask = (): Promise<NDArray> => (model.answer ? model.answer(x) : model.predict(x))
    const seen: NDArray[] = []
    for (let i = 0; i < runs; i++) seen.push(await ask())
    return seen
  }

  /** Samples for single passes, with their labels. */
  probed(): Promise<{ x: NDArray; labels: number[] }> {
    return this.once('probed', async () => {
      const indices = spread(this.right, PROBED)
      return {
        x: await samplesOf(this.field.data, indices),
        labels: indices.map((i) => this.field.clean[i]!.label),
      }
    })
  }

  /** Where the gradient from the scores to the input stops, the rules of BPDA taken into account. */
  survey(): GradientSurvey | undefined {
    const { model } = this.field
    if (!this.isOpen || !model.logits) return undefined
    const x = input('x', 'float32', [model.batch, ...model.shape])
    return surveyGradient(model.logits(x), x, model.rules)
  }

  gradients(): Promise<GradientProbe> {
    return this.once('gradients', async () => {
      const { model, options } = this.field
      const chosen = parseLoss(this.attack.options.loss, options.losses)
      // What remembers clean samples is flat there, and what looks inside has nothing to do with the scores.
      const loss = chosen.remembers ? parseLoss('cross-entropy') : chosen
      const { x, labels } = await this.probed()
      const probe = compile(
        (v: Tensor, y: Tensor) => {
          const value = loss({ logits: model.logits!(v), labels: y })
          return { value, gradient: gradientOf(value, v, { rules: model.rules }) }
        },
        { engine: model.engine, name: 'audit.gradient' },
      )
      let [zero, broken] = [0, 0]
      try {
        await this.eachBatch(x, labels, async (v, y) => {
          const { value, gradient } = await probe(v, y)
          const size = gradient.data.length / labelsIn(y)
          for (let i = 0; i < labelsIn(y); i++) {
            const row = gradient.data.subarray(i * size, (i + 1) * size) as Float32Array
            if (!Number.isFinite(value.data[i]) || !row.every(Number.isFinite)) broken++
            else if (row.every((g) => g === 0)) zero++
          }
        })
      } finally {
        await probe.release()
      }
      return { samples: labels.length, zero, broken }
    })
  }

  /** How the chosen attack climbs, on samples that stand. */
  trace(): Promise<Trace | undefined> {
    return this.once('trace', async () =>
      this.threat && this.standing.length
        ? traceAttack(this.field, this.attack, this.threat, this.few(this.standing))
        : undefined,
    )
  }

  /** Samples that an attack breaks, verified as in the evaluation. */
  async broken(
    attack: ConfiguredAttack,
    indices: readonly number[],
    { eps = this.threat!.eps, anyhow = false }: { eps?: number; anyhow?: boolean } = {},
  ): Promise<number[]> {
    const { options, model } = this.field
    // Whether a class can be turned at all is no question of what is rejected then.
    const judged: Target = anyhow && model.rejects ? Object.create(model, { rejects: {}, excess: {} }) : model
    const field = {
      ...this.field,
      model: judged,
      criterion: anyhow ? misclassified : this.field.criterion,
      options: { ...options, store: undefined, onProgress: undefined },
    }
    const found: number[] = []
    await runCampaign(field, {
      attack,
      knowsRejection: judged.excess !== undefined && !options.substitute,
      perturbation: this.threat!.perturbation,
      eps,
      place: 'audit',
      indices,
      onSample: (row) => void (row.success && found.push(row.index)),
    })
    return found
  }

  async eachBatch(
    x: NDArray,
    labels: readonly number[],
    work: (x: NDArray, labels: NDArray) => Promise<void>,
  ): Promise<void> {
    const { batchSize, model } = this.field
    for (let from = 0; from < labels.length; from += batchSize) {
      // A model with a batch of its own takes no less: what is left over is left out.
      if (model.batch > 0 && from + batchSize > labels.length) return
      const to = Math.min(from + batchSize, labels.length)
      await work(rows(x, from, to), int64([to - from], labels.slice(from, to)))
    }
  }

  private once<T>(key: string, make: () => Promise<T>): Promise<T> {
    if (!this.memory.has(key)) this.memory.set(key, make())
    return this.memory.get(key) as Promise<T>
  }
}

const labelsIn = (labels: NDArray) => labels.dims[0]!

const isGradientAttack = ({ definition, options, from }: ConfiguredAttack) =>
  definition.kind === 'fixed-eps' && definition.access === 'gradient' && options.gradient === 'exact' && !from

/** At most `count` of them, evenly over the whole. */
function spread(indices: readonly number[], count: number): number[] {
  if (indices.length <= count) return [...indices]
  return Array.from({ length: count }, (_, i) => indices[Math.floor((i * indices.length) / count)]!)
}
