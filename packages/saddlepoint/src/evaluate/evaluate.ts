/** The main job: clean accuracy, attacks, the worst case of every sample, and what it all cost. */
import { chosenFor, UNLIMITED, type ConfiguredAttack } from '../attacks/attack.ts'
import { audit } from '../audit/index.ts'
import { misclassified } from '../criteria/criterion.ts'
import { QueryBudgetError } from '../model/black-box.ts'
import type { Target } from '../model/target.ts'
import type { Perturbation } from '../perturbations/perturbation.ts'
import { runCampaign, type Field } from './campaign.ts'
import { isRight, measureClean, targetOf, type CleanSample } from './clean.ts'
import { choosePictures, type Found } from './gallery.ts'
import type { AttackedSample, EvaluateOptions, EvaluationData } from './options.ts'
import type {
  AttackSummary,
  AuditEntry,
  EvaluationResult,
  GalleryItem,
  SampleResult,
  ThreatResult,
} from './result.ts'
import { selectiveClean, selectiveUnder, type SelectiveFigures } from './selective.ts'
import { share, standing, summariseAttack, summariseMinimum, summariseThreat } from './summary.ts'

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
  model: Target,
  data: EvaluationData,
  options: EvaluateOptions,
): Promise<Evaluation> {
  return new Evaluator(model, data, options).run()
}

class Evaluator {
  private readonly field: Field & { clean: CleanSample[] }
  private readonly began = performance.now()
  private readonly startedAt = new Date().toISOString()
  private readonly outcomes = new Map<string, Map<number, AttackedSample>>()
  private readonly minimumNorm: Record<string, EvaluationResult['minimumNorm'][string]> = {}
  private readonly results: ThreatResult[] = []
  private readonly found: Found[] = []
  private readonly kept = new Map<string, number>()
  private entries: readonly AuditEntry[] = []
  private complete = true

  constructor(model: Target, data: EvaluationData, options: EvaluateOptions) {
    this.field = {
      model,
      data,
      options: { ...options, eps: options.eps.toSorted((a, b) => a - b) },
      criterion: options.criterion ?? misclassified,
      clean: [],
      batchSize: model.batch > 0 ? model.batch : (options.batchSize ?? 32),
    }
  }

  async run(): Promise<Evaluation> {
    const { model, data, options, batchSize, clean } = this.field
    try {
      const tell = (done: number) => options.onProgress?.({ stage: 'clean', done, total: data.length })
      clean.push(...(await measureClean(model, data, batchSize, options.signal, tell)))
      for (const perturbation of options.perturbations) await this.threats(perturbation)
      this.entries = await this.audit()
    } catch (error) {
      if (!options.signal?.aborted && !(error instanceof QueryBudgetError)) throw error
      this.complete = false
    }
    const gallery = await choosePictures(model, data, this.found, options.gallery ?? 8)
    return { result: await this.result(), gallery }
  }

  private async audit(): Promise<readonly AuditEntry[]> {
    const { options } = this.field
    const { audit: mode = 'off' } = options
    if (mode === 'off') return []
    const { field, results, outcomes } = this
    return audit({ field, results, outcomes }, mode, (done, total) =>
      options.onProgress?.({ stage: 'audit', done, total }),
    )
  }

  private async threats(perturbation: Perturbation): Promise<void> {
    const { options } = this.field
    const turns = chosenFor(perturbation.name, options.attacks).flatMap((attack) => this.turnsOf(attack))
    // A smaller ball lies inside a larger one: what falls in it has fallen in all that come after.
    const fallen = new Set<number>()
    const smallest = new Map<Turn, Minimum>()
    const search = async (turn: Turn, enough?: { eps: number; place: string }) => {
      const found = smallest.get(turn) ?? (await this.minimum(perturbation, turn, fallen, enough))
      smallest.set(turn, found)
      return found
    }
    // In a cascade it waits for its turn at the first radius, when what has fallen by then can be left out, and is done with
    // a sample that falls there. For the larger radii the others have been searched to the end.
    if (!options.cascade || !options.eps.length)
      for (const turn of turns.filter(isMinimum)) await search(turn)
    for (const eps of options.eps) {
      const summaries: Record<string, AttackSummary> = {}
      const all: Map<number, AttackedSample>[] = []
      try {
        for (const turn of turns) {
          const { attack, name } = turn
          const key = uniqueName(name, summaries)
          const place = `${perturbation.name}:${eps}:${key}`
          const before = isMinimum(turn) ? await search(turn, { eps, place }) : undefined
          const left = before && options.cascade ? without(before.rows, fallen) : before?.rows
          const rows = left ? within(left, eps, this.field.clean) : new Map<number, AttackedSample>()
          this.outcomes.set(place, rows)
          all.push(rows)
          const began = performance.now()
          try {
            if (!before) await this.fixedEps(perturbation, eps, turn, place, fallen, rows)
          } finally {
            for (const row of rows.values()) if (row.success) fallen.add(row.index)
            const seconds = before?.seconds ?? (performance.now() - began) / 1000
            const cascade = options.cascade ? fallen : undefined
            summaries[key] = summariseAttack(
              attack,
              [...rows.values()],
              this.field.clean,
              cascade,
              seconds,
              this.selective(cascade ? all : [rows]),
            )
          }
        }
      } finally {
        this.results.push(
          summariseThreat(perturbation.name, eps, this.field.clean, fallen, summaries, this.selective(all)),
        )
      }
    }
  }

  /** A model that may reject is attacked twice: by an attack that knows of the classes alone, and by the same one knowing more. */
  private turnsOf(attack: ConfiguredAttack): Turn[] {
    const { model, options } = this.field
    const naive = { attack, name: attack.name, knowsRejection: false }
    // A substitute does not tell what the evaluated model rejects.
    if (!model.excess || options.substitute) return [naive]
    return [naive, { attack, name: `${attack.name}+reject`, knowsRejection: true }]
  }

  /** Figures of a model that may reject, after attacks; of others none. */
  private selective(attacks: readonly ReadonlyMap<number, AttackedSample>[]): SelectiveFigures | undefined {
    const { model, clean } = this.field
    return model.rejects && selectiveUnder(attacks.length ? attacks : [new Map()], clean)
  }

  private async fixedEps(
    perturbation: Perturbation,
    eps: number,
    { attack, name, knowsRejection }: Turn,
    place: string,
    fallen: ReadonlySet<number>,
    rows: Map<number, AttackedSample>,
  ): Promise<void> {
    await runCampaign(this.field, {
      attack,
      knowsRejection,
      perturbation,
      eps,
      place,
      indices: this.attackable(fallen),
      onSample: (row, adversarial) => {
        rows.set(row.index, row)
        if (adversarial)
          this.remember(place, { norm: perturbation.name, eps, attack: name, adversarial }, row)
      },
    })
  }

  /**
   * An attack that looks for the smallest perturbation runs once; radii are then compared with what it found.
   *
   * @param enough a radius at which the search is done with a sample: what it finds then says nothing of the smallest
   */
  private async minimum(
    perturbation: Perturbation,
    { attack, name: own, knowsRejection }: Turn,
    fallen: ReadonlySet<number>,
    enough?: { readonly eps: number; readonly place: string },
  ): Promise<Minimum> {
    const rows = new Map<number, AttackedSample>()
    const name = uniqueName(own, this.minimumNorm)
    const place = enough?.place ?? `${perturbation.name}:minimum:${name}`
    const began = performance.now()
    try {
      await runCampaign(this.field, {
        attack,
        knowsRejection,
        perturbation,
        eps: enough?.eps ?? UNLIMITED,
        place,
        indices: this.attackable(fallen),
        onSample: (row, adversarial) => {
          rows.set(row.index, row)
          if (adversarial)
            this.remember(place, { norm: perturbation.name, eps: row.size, attack: own, adversarial }, row)
        },
      })
    } finally {
      if (!enough)
        this.minimumNorm[name] = summariseMinimum(perturbation.name, [...rows.values()], this.field.clean)
    }
    return { rows, seconds: (performance.now() - began) / 1000 }
  }

  /**
   * Untargeted attacks start from what is right, and from what is rejected, which may be made to pass as another class; targeted ones from everything that is not the target. In a cascade, from
   * what is left of that.
   */
  private attackable(fallen: ReadonlySet<number>): number[] {
    const { clean, options, criterion, model } = this.field
    const left = (i: number) => !options.cascade || !fallen.has(i)
    const wanted = (sample: CleanSample, i: number) =>
      criterion.targeted
        ? sample.label !== targetOf(sample, i, options, criterion, model)
        : isRight(sample) || sample.rejected === true
    return clean.flatMap((sample, i) => (wanted(sample, i) && left(i) ? [i] : []))
  }

  /** Keeps the first few adversarials of every campaign for the gallery. */
  private remember(place: string, item: Omit<Found, 'index' | 'label'>, row: AttackedSample): void {
    const kept = this.kept.get(place) ?? 0
    if (kept >= (this.field.options.gallery ?? 8)) return
    this.kept.set(place, kept + 1)
    this.found.push({ ...item, index: row.index, label: this.field.clean[row.index]!.label })
  }

  private async result(): Promise<EvaluationResult> {
    const { model, data, options, criterion, clean, batchSize } = this.field
    const totals = this.results.flatMap((r) => Object.values(r.attacks))
    const total = (key: 'forwards' | 'backwards' | 'queries') => totals.reduce((sum, a) => sum + a[key], 0)
    const seconds = (performance.now() - this.began) / 1000
    return {
      model: {
        path: model.name,
        ...(model.file && { sha256: await sha256(model.file.bytes), input: model.file.input }),
        inputShape: model.shape,
        classes: model.classes,
        notices: model.notices,
      },
      data: { name: data.name, samples: data.length, skipped: data.skipped ?? [] },
      seed: options.seed ?? 0,
      cleanAccuracy: share(standing(clean, new Set()), clean.length),
      ...(model.rejects && { selective: selectiveClean(clean) }),
      results: this.results,
      minimumNorm: this.minimumNorm,
      audit: this.entries,
      ledger: {
        forwards: total('forwards'),
        backwards: total('backwards'),
        queries: model.queries ?? total('queries'),
        seconds,
      },
      options: {
        norms: options.perturbations.map((p) => p.name),
        eps: options.eps,
        attacks: options.attacks
          .filter((a) => options.perturbations.some(({ name }) => chosenFor(name, [a]).length))
          .map((a) => ({ name: a.name, ...a.options })),
        criterion: criterion.name,
        ...(options.substitute ? { substitute: options.substitute.name } : {}),
        ...(criterion.targeted ? { target: options.target ?? 'least-likely' } : {}),
        batchSize,
        ...(options.radii ? { radii: Array.from(options.radii) } : {}),
        cascade: options.cascade ?? false,
        maxQueries: options.maxQueries,
        maxTimeMs: options.maxTimeMs,
        bounds: model.bounds,
        ...(Object.keys(model.rules ?? {}).length ? { bpda: Object.keys(model.rules!) } : {}),
        provider: model.engine.provider,
        conventions: plainConventions(model.conventions),
      },
      versions: {},
      startedAt: this.startedAt,
      seconds,
      complete: this.complete,
      samples: clean.map((sample, i) => this.sample(sample, i)),
    }
  }

  private sample({ label, predicted, confidence, rejected }: CleanSample, index: number): SampleResult {
    const attacks: Record<string, SampleResult['attacks'][string]> = {}
    for (const [place, rows] of this.outcomes) {
      const row = rows.get(index)
      if (row)
        attacks[place] = {
          success: row.success,
          size: row.size,
          predicted: row.predicted,
          confidence: row.confidence,
          ...(row.rejected !== undefined && { rejected: row.rejected }),
        }
    }
    const source = this.field.data.sources?.[index]
    const own = { index, source, label, predicted, confidence }
    return { ...own, ...(rejected !== undefined && { rejected }), attacks }
  }
}

/** One run of an attack at every radius. */
interface Turn {
  readonly attack: ConfiguredAttack
  /** What its outcome is called. */
  readonly name: string
  readonly knowsRejection: boolean
}

/** What a search for the smallest perturbations found. */
interface Minimum {
  readonly rows: ReadonlyMap<number, AttackedSample>
  readonly seconds: number
}

const without = (rows: ReadonlyMap<number, AttackedSample>, fallen: ReadonlySet<number>) =>
  new Map([...rows].filter(([i]) => !fallen.has(i)))

const isMinimum = ({ attack }: Turn) => attack.definition.kind === 'minimum-norm'

/** The same outcomes, judged at a radius: a sample made into something farther off stays as it was. */
function within(
  rows: ReadonlyMap<number, AttackedSample>,
  eps: number,
  clean: readonly CleanSample[],
): Map<number, AttackedSample> {
  const unmoved = ({ index, size, rejected }: AttackedSample) =>
    rejected !== undefined && size > eps
      ? { predicted: clean[index]!.predicted, rejected: clean[index]!.rejected }
      : {}
  const fits = (row: AttackedSample) => row.success && row.size <= eps
  return new Map(
    [...rows].map(([i, row]) => [
      i,
      {
        ...row,
        ...unmoved(row),
        claimed: row.claimed && row.size <= eps,
        success: fits(row),
        rounded: row.rounded && fits(row),
      },
    ]),
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
