/** Which models fall to samples crafted on which others: a matrix of sources and targets. */
import { encodeModel, takeRows, type NDArray } from '@saddlepoint/autodiff'
import { AttackOptionError, type ConfiguredAttack } from '../attacks/attack.ts'
import { prepare } from '../attacks/driver.ts'
import { misclassified } from '../criteria/criterion.ts'
import { samples as read } from '../evaluate/campaign.ts'
import { isRight, measureClean, type CleanSample } from '../evaluate/clean.ts'
import { chunked } from '../evaluate/lanes.ts'
import type { EvaluationData } from '../evaluate/options.ts'
import { Verifier } from '../evaluate/verify.ts'
import { parseLoss } from '../losses/index.ts'
import { adapted } from '../model/adapted.ts'
import { classifier, Classifier, ClassifierError } from '../model/classifier.ts'
import type { Target } from '../model/target.ts'
import type { Perturbation } from '../perturbations/perturbation.ts'
import { leavesOf } from './decision-tree.ts'
import { SOFT } from './family.ts'
import { leafSearch } from './leaf-search.ts'

export interface TransferOptions {
  readonly perturbation: Perturbation
  /** Radius, in the units of the samples. */
  readonly eps: number
  /** What sources with a slope are attacked with. */
  readonly attack: ConfiguredAttack
  /** @default 0 */
  readonly seed?: number
  /** Samples attacked together. @default 32 */
  readonly batchSize?: number
  readonly signal?: AbortSignal
  readonly onProgress?: (source: string, done: number, total: number) => void
}

export interface TransferModel {
  readonly name: string
  readonly cleanAccuracy: number
  /** Samples that it has right. */
  readonly right: number
  /** How samples are crafted on it: the attack's name, the same on the file's soft output, or `leaf-search`. */
  readonly craftedBy: string
  /** Mean size of its crafted changes, in the norm of the attack. */
  readonly meanSize: number
  /** Samples that it left as they were: where a climb leaves many, the gradient vanished, and its row says nothing. */
  readonly unmoved: number
}

export interface TransferResult {
  readonly samples: number
  readonly norm: string
  readonly eps: number
  readonly attack: string
  readonly models: readonly TransferModel[]
  /**
   * Source by source, for each target, how many of the samples that the target had right it has wrong once they were
   * crafted on the source.
   */
  readonly fooled: readonly (readonly number[])[]
  /** The same as shares of what the target had right; NaN where that is nothing. */
  readonly success: readonly (readonly number[])[]
  /** Shares of all crafted samples that the target has wrong, with those that it had wrong before. */
  readonly error: readonly (readonly number[])[]
  /** False if it was stopped: counts are then of the samples finished. */
  readonly complete: boolean
}

/** One way to craft samples on a source. */
interface Workshop {
  readonly by: string
  craft(x: NDArray, labels: readonly number[], samples: readonly number[]): Promise<NDArray>
  release(): Promise<void>
}

/**
 * Crafts samples on every model and shows them to all. A source with a slope is attacked as told; one whose file has an
 * output `soft` is attacked there (nearest neighbours, votes); a decision tree that this library wrote by leaf search.
 * Attacks go on to their end, whatever the source says of an attempt. What counts is the verdict of the untouched file.
 *
 * @param models of the same classes and kind of sample; pictures are resized to what each takes, from the size that the first takes
 * @throws ClassifierError if models do not fit each other or the data, or a source can neither be climbed nor searched
 * @throws AttackOptionError for an attack that looks for the smallest perturbation
 */
export async function transfer(
  models: readonly Target[],
  data: EvaluationData,
  options: TransferOptions,
): Promise<TransferResult> {
  const { perturbation, eps, attack, batchSize = 32, signal, onProgress } = options
  const [first] = models
  if (!first) throw new ClassifierError('transfer needs one model or more')
  if (attack.definition.kind !== 'fixed-eps')
    throw new AttackOptionError(`${attack.name} looks for the smallest perturbation: use fgsm, pgd or mim`)
  const targets = models.map((m) => adapted(m, first))
  const fixed = targets.map((t) => t.batch).find((b) => b > 0)
  const size = fixed ?? batchSize
  const clean: CleanSample[][] = []
  for (const target of targets)
    clean.push(await measureClean(target, data, target.batch > 0 ? target.batch : size, signal, () => {}))
  const labels = clean[0]!.map((s) => s.label)
  const verifiers = targets.map((t) => new Verifier(t, perturbation, misclassified))
  const fooled = models.map(() => models.map(() => 0))
  const wrong = models.map(() => models.map(() => 0))
  const sizes = models.map(() => 0)
  const unmoved = models.map(() => 0)
  const crafters: string[] = []
  let complete = true
  try {
    for (const [source, model] of models.entries()) {
      const workshop = await workshopOf(model, first, options)
      crafters.push(workshop.by)
      try {
        for (const chunk of chunked(indicesOf(labels), size)) {
          if (signal?.aborted) {
            complete = false
            break
          }
          const x = await read(data, chunk)
          const own = chunk.map((i) => labels[i]!)
          const y = await workshop.craft(x, own, chunk)
          for (const [target, verifier] of verifiers.entries()) {
            const verdicts = await verifier.verify(x, y, own, own, eps)
            verdicts.forEach(({ holds, predicted, size: length }, i) => {
              if (target === source) {
                sizes[source]! += length
                if (length === 0) unmoved[source]!++
              }
              if (predicted !== own[i]) wrong[source]![target]!++
              if (holds && isRight(clean[target]![chunk[i]!]!)) fooled[source]![target]!++
            })
          }
          onProgress?.(model.name, chunk.at(-1)! + 1, labels.length)
        }
      } finally {
        await workshop.release()
      }
    }
  } finally {
    await Promise.all(verifiers.map((v) => v.release()))
  }
  const right = clean.map((all) => all.filter(isRight).length)
  return {
    samples: labels.length,
    norm: perturbation.name,
    eps,
    attack: attack.name,
    models: models.map(({ name }, i) => ({
      name,
      cleanAccuracy: right[i]! / labels.length,
      right: right[i]!,
      craftedBy: crafters[i]!,
      meanSize: sizes[i]! / labels.length,
      unmoved: unmoved[i]!,
    })),
    fooled,
    success: fooled.map((row) => row.map((n, target) => n / right[target]!)),
    error: wrong.map((row) => row.map((n) => n / labels.length)),
    complete,
  }
}

const indicesOf = (list: readonly unknown[]) => list.map((_, i) => i)

async function workshopOf(model: Target, like: Target, options: TransferOptions): Promise<Workshop> {
  const leaves = model instanceof Classifier ? leavesOf(model.model.source) : undefined
  if (leaves) return searching(model, like, leaves, options)
  const soft = model instanceof Classifier ? await softOf(model) : undefined
  return climbing(adapted(soft ?? model, like), soft, options)
}

/** The file's soft output as a classifier of its own; undefined where it has none. */
async function softOf(source: Classifier): Promise<Classifier | undefined> {
  const { model, conventions, name, shape, bounds, engine } = source
  const { graph } = model.source
  const output = graph.outputs.find((o) => o.name === SOFT)
  if (!output) return undefined
  const bytes = encodeModel({ ...model.source, graph: { ...graph, outputs: [output] } })
  return classifier(bytes, {
    ...conventions,
    name: `${name}#${SOFT}`,
    shape,
    bounds,
    engine,
  })
}

async function climbing(
  model: Target,
  owned: Classifier | undefined,
  { attack, perturbation, eps, seed, signal }: TransferOptions,
): Promise<Workshop> {
  const prepared = await prepare(
    { ...attack, options: { ...attack.options, iterates: 'last' } },
    {
      model,
      perturbation,
      criterion: misclassified,
      loss: parseLoss(attack.options.loss),
      engine: model.engine,
    },
  )
  return {
    by: owned ? `${attack.name} on ${SOFT}` : attack.name,
    async craft(x, labels, samples) {
      const batch = { x, labels, targets: labels, eps: samples.map(() => eps), samples }
      const { adversarials } = await prepared.run(batch, { seed, signal })
      return takeRows(adversarials, indicesOf(samples))
    },
    async release() {
      await prepared.release()
      await owned?.release()
    },
  }
}

/** @throws ClassifierError where the file's values are not those of the samples */
function searching(
  { name, shape, conventions, bounds }: Target,
  like: Target,
  leaves: NonNullable<ReturnType<typeof leavesOf>>,
  { perturbation, eps }: TransferOptions,
): Workshop {
  const { inputRange, mean, std, bgr, layout } = conventions
  if (shape.join() !== like.shape.join() || inputRange || mean || std || bgr || layout === 'nhwc')
    throw new ClassifierError(
      `${name} is a decision tree: leaf search needs samples as the file takes them, without preprocessing or another size`,
    )
  return {
    by: 'leaf-search',
    craft: async (x, labels) => leafSearch(leaves, x, labels, { perturbation, eps, bounds }),
    release: async () => {},
  }
}
