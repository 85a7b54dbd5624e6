/** The main job: clean accuracy, attacks, the worst case of every sample, and what it all cost. */
import { takeRows, type NDArray } from '@saddlepoint/autodiff'
import type { AttackControl, ConfiguredAttack, PreparedAttack } from '../attacks/attack.ts'
import { prepare } from '../attacks/driver.ts'
import { misclassified, type Criterion } from '../criteria/criterion.ts'
import { losses, type Loss } from '../losses/index.ts'
import { ClassifierError, type Classifier } from '../model/classifier.ts'
import type { Perturbation } from '../perturbations/perturbation.ts'
import { Random } from '../random/philox.ts'
import { choosePictures, type Found } from './gallery.ts'
import type {
  AttackSummary,
  EvaluationResult,
  GalleryItem,
  Ledger,
  SampleResult,
  ThreatResult,
} from './result.ts'
import { wilson } from './statistics.ts'
import { Verifier } from './verify.ts'

/** Labelled samples, read a batch at a time. */
export interface EvaluationData {
  readonly name: string
  readonly length: number
  readonly labels: ArrayLike<number>
  readonly sources?: readonly string[]
  readonly skipped?: readonly { readonly file: string; readonly reason: string }[]
  /** Samples `from` to `to` (excluded), float32 [n, …] in the model's bounds. */
  batch(from: number, to: number): Promise<NDArray>
}

export interface EvaluateOptions {
  readonly perturbations: readonly Perturbation[]
  /** Radii, in the units of the samples. */
  readonly eps: readonly number[]
  readonly attacks: readonly ConfiguredAttack[]
  /** @default misclassified */
  readonly criterion?: Criterion
  /** The class wanted by a targeted criterion: a data label, or a rule that picks one for every sample. */
  readonly target?: number | 'least-likely' | 'random'
  /** @default 0 */
  readonly seed?: number
  /** Samples attacked together. @default 32 */
  readonly batchSize?: number
  /** Losses by name beyond those of the library. */
  readonly losses?: Readonly<Record<string, Loss>>
  /**
   * Whether an attack skips the samples that an attack before it has broken. The worst case is the same, sooner; the
   * rows of the later attacks then say what they added.
   * @default false
   */
  readonly cascade?: boolean
  readonly maxQueries?: number
  readonly maxTimeMs?: number
  readonly signal?: AbortSignal
  /** How many examples to keep pictures of. @default 8 */
  readonly gallery?: number
  readonly onProgress?: (progress: Progress) => void
  /** Keeps finished work, so that an interrupted run goes on where it stopped. */
  readonly store?: Store
}

export interface Progress {
  /** What is being done: 'clean', or an attack at an eps. */
  readonly stage: string
  readonly done: number
  readonly total: number
  /** Samples of this stage still right so far. */
  readonly standing?: number
}

/** One batch of one attack, finished. */
export interface StoredBatch {
  readonly rows: readonly AttackedSample[]
  /** The verified adversarials, [successes, …]: of the rows that succeeded, in their order. */
  readonly adversarials: NDArray
  readonly seconds: number
}
export interface AttackedSample {
  readonly index: number
  readonly claimed: boolean
  readonly success: boolean
  readonly rounded: boolean
  readonly size: number
  readonly predicted: number
  readonly confidence: number
  readonly forwards: number
  readonly backwards: number
}
export interface Store {
  load(key: string): Promise<StoredBatch | undefined>
  save(key: string, batch: StoredBatch): Promise<void>
}

export interface Evaluation {
  readonly result: EvaluationResult
  readonly gallery: readonly GalleryItem[]
}

/**
 * Evaluates a classifier on data against attacks.
 *
 * An abort (`signal`) is no error: the result then holds what was finished and says that it is incomplete.
 *
 * @throws ClassifierError if a label has no output of the model
 */
export async function evaluate(
  model: Classifier,
  data: EvaluationData,
  options: EvaluateOptions,
): Promise<Evaluation> {
  return new Evaluator(model, data, options).run()
}

interface CleanSample {
  readonly label: number
  readonly predicted: number
  readonly confidence: number
  readonly leastLikely: number
}

class Evaluator {
  private readonly model: Classifier
  private readonly data: EvaluationData
  private readonly options: EvaluateOptions
  private readonly criterion: Criterion
  private readonly began = performance.now()
  private readonly startedAt = new Date().toISOString()
  private readonly clean: CleanSample[] = []
  private readonly outcomes = new Map<string, Map<number, AttackedSample>>()
  private readonly found: Found[] = []
  private complete = true

  constructor(model: Classifier, data: EvaluationData, options: EvaluateOptions) {
    this.model = model
    this.data = data
    this.options = { ...options, eps: [...options.eps].sort((a, b) => a - b) }
    this.criterion = options.criterion ?? misclassified
  }

  async run(): Promise<Evaluation> {
    const results: ThreatResult[] = []
    try {
      await this.measureClean()
      for (const perturbation of this.options.perturbations) {
        const fallen = new Set<number>()
        for (const eps of this.options.eps) {
          const attacks: Record<string, AttackSummary> = {}
          try {
            await this.threat(perturbation, eps, fallen, attacks)
          } finally {
            results.push(this.summarise(perturbation.name, eps, fallen, attacks))
          }
        }
      }
    } catch (error) {
      if (!this.options.signal?.aborted) throw error
      this.complete = false
    }
    const gallery = await choosePictures(this.model, this.data, this.found, this.options.gallery ?? 8)
    return { result: await this.result(results), gallery }
  }

  private get batchSize(): number {
    return this.model.batch > 0 ? this.model.batch : (this.options.batchSize ?? 32)
  }

  private get offset(): number {
    return this.model.conventions.labelOffset ?? 0
  }

  // ---- clean predictions, on the untouched file

  private async measureClean(): Promise<void> {
    const { length } = this.data
    this.checkLabels()
    const chunks = chunked(
      Array.from({ length }, (_, i) => i),
      this.batchSize,
    )
    const parts: CleanSample[][] = []
    let done = 0
    await this.concurrently(chunks, async (chunk, k) => {
      const x = await this.data.batch(chunk[0]!, chunk.at(-1)! + 1)
      const scores = await this.model.predict(x)
      parts[k] = chunk.map((index, row) => {
        const ranking = this.model.ranking(scores, row, this.model.classes)
        return {
          label: this.data.labels[index]! + this.offset,
          predicted: ranking[0]!.label,
          confidence: ranking[0]!.probability,
          leastLikely: ranking.at(-1)!.label,
        }
      })
      done += chunk.length
      this.progress('clean', done, length)
    })
    this.clean.push(...parts.flat())
  }

  private checkLabels(): void {
    for (let i = 0; i < this.data.length; i++) {
      const output = this.data.labels[i]! + this.offset
      if (output < 0 || output >= this.model.classes)
        throw new ClassifierError(
          `label ${this.data.labels[i]} of sample ${i}${this.data.sources?.[i] ? ` (${this.data.sources[i]})` : ''} has no output: ` +
            `the model has ${this.model.classes} classes${this.offset ? ` and labels are shifted by ${this.offset}` : ''}`,
        )
    }
  }

  private correct(index: number): boolean {
    return this.clean[index]!.predicted === this.clean[index]!.label
  }

  /** The class wanted for a sample; its own label if the attack is untargeted. */
  private target(index: number): number {
    const { label, leastLikely } = this.clean[index]!
    const { target = 'least-likely', seed = 0 } = this.options
    if (!this.criterion.targeted) return label
    if (typeof target === 'number') return target + this.offset
    if (target === 'least-likely') return leastLikely
    const shift = 1 + new Random(seed, index).integer(this.model.classes - 1)
    return (label + shift) % this.model.classes
  }

  // ---- attacks

  private async threat(
    perturbation: Perturbation,
    eps: number,
    fallen: Set<number>,
    summaries: Record<string, AttackSummary>,
  ): Promise<void> {
    const verifier = new Verifier(this.model, perturbation, this.criterion)
    const wanted = this.clean.map((_, i) => i).filter((i) => this.attackable(i))
    // A smaller ball lies inside this one: what fell there has fallen here.
    const broken = new Set(fallen)
    try {
      for (const attack of this.options.attacks) {
        const indices = this.options.cascade ? wanted.filter((i) => !broken.has(i)) : wanted
        const key = uniqueName(attack.name, summaries)
        const place = `${perturbation.name}:${eps}:${key}`
        const rows = new Map<number, AttackedSample>()
        this.outcomes.set(place, rows)
        const began = performance.now()
        try {
          await this.attack(attack, perturbation, eps, place, indices, verifier, rows)
        } finally {
          for (const row of rows.values()) if (row.success) broken.add(row.index)
          summaries[key] = this.attackSummary(
            attack,
            rows,
            this.options.cascade ? broken : undefined,
            (performance.now() - began) / 1000,
          )
          for (const i of broken) fallen.add(i)
        }
      }
    } finally {
      await verifier.release()
    }
  }

  /** Untargeted attacks start from what is right; targeted ones from everything that is not the target. */
  private attackable(index: number): boolean {
    const { label, predicted } = this.clean[index]!
    if (!this.criterion.targeted) return predicted === label
    const target = this.target(index)
    return label !== target
  }

  private async attack(
    attack: ConfiguredAttack,
    perturbation: Perturbation,
    eps: number,
    place: string,
    indices: readonly number[],
    verifier: Verifier,
    rows: Map<number, AttackedSample>,
  ): Promise<void> {
    const named = { ...losses, ...this.options.losses }
    const loss = named[attack.options.loss]
    if (!loss)
      throw new ClassifierError(
        `there is no loss "${attack.options.loss}"; there are ${Object.keys(named).join(', ')}`,
      )
    let prepared: Promise<PreparedAttack> | undefined
    const ready = () =>
      (prepared ??= prepare(attack, {
        model: this.model,
        perturbation,
        criterion: this.criterion,
        loss,
        engine: this.model.engine,
      }))
    let done = 0
    const { store } = this.options
    this.progress(place, 0, indices.length, indices.length)
    await this.concurrently(chunked(indices, this.batchSize), async (chunk) => {
      const key = `${place}:${chunk[0]}-${chunk.at(-1)}-${chunk.length}`
      let batch = await store?.load(key)
      if (!batch) {
        batch = await this.attackChunk(await ready(), eps, chunk, verifier)
        await store?.save(key, batch)
      }
      for (const [i, row] of batch.rows.entries()) {
        rows.set(row.index, row)
        if (row.success)
          this.remember(perturbation.name, eps, attack.name, row, takeRows(batch.adversarials, [i]))
      }
      done += chunk.length
      const standing = [...rows.values()].filter((r) => !r.success).length
      this.progress(place, done, indices.length, standing)
    }).finally(async () => (await prepared)?.release())
  }

  private async attackChunk(
    prepared: PreparedAttack,
    eps: number,
    chunk: readonly number[],
    verifier: Verifier,
  ): Promise<StoredBatch> {
    const began = performance.now()
    const x = await this.samples(chunk)
    const labels = chunk.map((i) => this.clean[i]!.label)
    const targets = chunk.map((i) => this.target(i))
    const control: AttackControl = {
      seed: this.options.seed ?? 0,
      signal: this.options.signal,
      maxQueries: this.options.maxQueries,
      maxTimeMs: this.options.maxTimeMs,
    }
    const radii = chunk.map(() => eps)
    const outcome = await prepared.run({ x, labels, targets, eps: radii, samples: chunk }, control)
    const claimed = chunk.map((_, i) => i).filter((i) => outcome.success[i])
    const verified = await verifier.verify(
      takeRows(x, claimed),
      takeRows(outcome.adversarials, claimed),
      claimed.map((i) => labels[i]!),
      claimed.map((i) => targets[i]!),
      eps,
    )
    const rows = chunk.map((index, i): AttackedSample => {
      const check = verified[claimed.indexOf(i)]
      return {
        index,
        claimed: outcome.success[i]!,
        success: check?.holds ?? false,
        rounded: check?.holdsRounded ?? false,
        size: check?.size ?? 0,
        predicted: check?.predicted ?? this.clean[index]!.predicted,
        confidence: check?.confidence ?? this.clean[index]!.confidence,
        forwards: outcome.forwards[i]!,
        backwards: outcome.backwards[i]!,
      }
    })
    const adversarials = takeRows(
      outcome.adversarials,
      rows.flatMap((r, i) => (r.success ? [i] : [])),
    )
    return { rows, adversarials, seconds: (performance.now() - began) / 1000 }
  }

  /** Samples by index, in that order. */
  private async samples(indices: readonly number[]): Promise<NDArray> {
    const from = indices[0]!
    const to = indices.at(-1)! + 1
    // Neighbours are read in one go; far-apart ones would drag everything between them along.
    if (to - from <= 4 * indices.length) {
      const span = await this.data.batch(from, to)
      return takeRows(
        span,
        indices.map((i) => i - from),
      )
    }
    const parts = await Promise.all(indices.map((i) => this.data.batch(i, i + 1)))
    const [first] = parts as [NDArray]
    const data = new Float32Array(first.data.length * parts.length)
    parts.forEach((p, i) => data.set(p.data as Float32Array, i * first.data.length))
    return { type: 'float32', dims: [parts.length, ...first.dims.slice(1)], data }
  }

  private remember(
    norm: string,
    eps: number,
    attack: string,
    row: AttackedSample,
    adversarial: NDArray,
  ): void {
    const wanted = this.options.gallery ?? 8
    const same = this.found.filter((f) => f.norm === norm && f.eps === eps)
    if (same.length < wanted && !same.some((f) => f.index === row.index))
      this.found.push({
        index: row.index,
        label: this.clean[row.index]!.label,
        norm,
        eps,
        attack,
        adversarial,
      })
  }

  /** Runs work on several chunks at once, as many as the engine has use for. */
  private async concurrently<T>(
    chunks: readonly T[],
    work: (chunk: T, k: number) => Promise<void>,
  ): Promise<void> {
    let next = 0
    const lane = async () => {
      while (next < chunks.length) {
        this.options.signal?.throwIfAborted()
        const k = next++
        await work(chunks[k]!, k)
      }
    }
    await Promise.all(Array.from({ length: this.model.engine.concurrency }, lane))
  }

  private progress(stage: string, done: number, total: number, standing?: number): void {
    this.options.onProgress?.({ stage, done: Math.min(done, total), total, standing })
  }

  // ---- results

  private attackSummary(
    attack: ConfiguredAttack,
    rows: ReadonlyMap<number, AttackedSample>,
    broken: ReadonlySet<number> | undefined,
    seconds: number,
  ): AttackSummary {
    const all = [...rows.values()]
    const correct = this.clean.filter((_, i) => this.correct(i)).length
    const broke = all.filter((r) => r.success && this.correct(r.index))
    const left = broken ? this.standing(broken) : correct - broke.length
    return {
      robustAccuracy: share(left, this.clean.length),
      attackSuccessRate: share(broke.length, broken ? Math.max(all.length, 1) : correct),
      claimed: all.filter((r) => r.claimed).length,
      verified: all.filter((r) => r.success).length,
      verifiedAfterRounding: all.filter((r) => r.rounded).length,
      attacked: all.length,
      ...ledgerOf(all, attack.definition.access !== 'gradient'),
      seconds,
      options: attack.options,
      reference: attack.definition.reference,
    }
  }

  private standing(fallen: ReadonlySet<number>): number {
    return this.clean.filter((_, i) => this.correct(i) && !fallen.has(i)).length
  }

  private summarise(
    norm: string,
    eps: number,
    fallen: ReadonlySet<number>,
    attacks: Readonly<Record<string, AttackSummary>>,
  ): ThreatResult {
    const left = this.standing(fallen)
    return {
      norm,
      eps,
      robustAccuracy: share(left, this.clean.length),
      interval: wilson(left, this.clean.length),
      attacks,
    }
  }

  private async result(results: readonly ThreatResult[]): Promise<EvaluationResult> {
    const totals = results.flatMap((r) => Object.values(r.attacks))
    const total = (key: 'forwards' | 'backwards' | 'queries') => totals.reduce((sum, a) => sum + a[key], 0)
    const { target, seed = 0, cascade = false, maxQueries, maxTimeMs } = this.options
    return {
      model: {
        path: this.model.name,
        sha256: await sha256(this.model.model.original.bytes),
        input: this.model.model.inputs[0]!.name,
        inputShape: this.model.shape,
        classes: this.model.classes,
        notices: this.model.notices,
      },
      data: { name: this.data.name, samples: this.data.length, skipped: this.data.skipped ?? [] },
      seed,
      cleanAccuracy: share(this.standing(new Set()), this.clean.length),
      results,
      minimumNorm: {},
      audit: [],
      ledger: {
        forwards: total('forwards'),
        backwards: total('backwards'),
        queries: total('queries'),
        seconds: (performance.now() - this.began) / 1000,
      },
      options: {
        norms: this.options.perturbations.map((p) => p.name),
        eps: this.options.eps,
        attacks: this.options.attacks.map((a) => ({ name: a.name, ...a.options })),
        criterion: this.criterion.name,
        ...(this.criterion.targeted ? { target: target ?? 'least-likely' } : {}),
        batchSize: this.batchSize,
        cascade,
        maxQueries,
        maxTimeMs,
        bounds: this.model.bounds,
        provider: this.model.engine.provider,
        conventions: plainConventions(this.model.conventions),
      },
      versions: {},
      startedAt: this.startedAt,
      seconds: (performance.now() - this.began) / 1000,
      complete: this.complete,
      samples: this.clean.map((_, i) => this.sample(i)),
    }
  }

  private sample(index: number): SampleResult {
    const { label, predicted, confidence } = this.clean[index]!
    const attacks: Record<string, SampleResult['attacks'][string]> = {}
    for (const [place, rows] of this.outcomes) {
      const row = rows.get(index)
      if (row)
        attacks[place] = {
          success: row.success,
          size: row.size,
          predicted: row.predicted,
          confidence: row.confidence,
        }
    }
    return { index, source: this.data.sources?.[index], label, predicted, confidence, attacks }
  }
}

const share = (part: number, whole: number) => (whole ? part / whole : 0)

/** Queries are the evaluations that an attack without gradients asks of the model as a black box. */
function ledgerOf(rows: readonly AttackedSample[], blackBox: boolean): Omit<Ledger, 'seconds'> {
  const total = (f: (r: AttackedSample) => number) => rows.reduce((sum, r) => sum + f(r), 0)
  const forwards = total((r) => r.forwards)
  return { forwards, backwards: total((r) => r.backwards), queries: blackBox ? forwards : 0 }
}

function chunked(indices: readonly number[], size: number): number[][] {
  return Array.from({ length: Math.ceil(indices.length / size) }, (_, i) =>
    indices.slice(i * size, (i + 1) * size),
  )
}

function uniqueName(name: string, taken: Readonly<Record<string, unknown>>): string {
  let unique = name
  for (let i = 2; unique in taken; i++) unique = `${name}#${i}`
  return unique
}

function plainConventions(conventions: object): object {
  const names = ['inputRange', 'mean', 'std', 'bgr', 'layout', 'resize', 'crop', 'labelOffset']
  return Object.fromEntries(
    Object.entries(conventions).filter(([key, v]) => names.includes(key) && v !== undefined),
  )
}

async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', bytes.slice())
  return Array.from(new Uint8Array(digest), (b) => b.toString(16).padStart(2, '0')).join('')
}
