/** What the attacking commands share: norms, radii, attacks, and what counts as success. */
import type { Command } from 'commander'
import {
  AttackOptionError,
  isCascade,
  parseAttack,
  parseCriterion,
  parseLoss,
  perturbations,
  presets,
  type Target,
  type ConfiguredAttack,
  type Criterion,
  type Perturbation,
  type TargetClass,
} from 'saddlepoint'
import { openNpy } from '../data/index.ts'
import { UsageError } from '../errors.ts'
import { checkGenerator, generatorFlags, latentSet, setNames, type GeneratorFlags } from './latent-set.ts'
import { list, number } from './shared.ts'

export interface PlanFlags extends GeneratorFlags {
  norm?: string[]
  /** Radii, or a file with one for each sample. */
  eps?: number[] | string
  attack?: string[]
  cascade?: boolean
  criterion: string
  target?: string
}

export interface Plan {
  readonly perturbations: readonly Perturbation[]
  readonly eps: readonly number[]
  /** A file with a radius for each sample, which an eps multiplies. */
  readonly radiiFile?: string
  readonly attacks: readonly ConfiguredAttack[]
  /** Whether an attack skips what an attack before it has broken: asked for, or in the nature of the presets. */
  readonly cascade: boolean
  readonly criterion: Criterion
  readonly target: TargetClass | undefined
}

const gather = (text: string, before: string[] = []) => [...before, ...text.split(/\s+/).filter(Boolean)]

export function planFlags(command: Command): Command {
  const normed = command.option(
    '--norm <names>',
    `norms: ${setNames.join(', ')}; linf if absent, or the set that the attacks bring along`,
    list,
  )
  return generatorFlags(normed)
    .option(
      '--eps <values>',
      'radii, such as 8/255 or "2/255 4/255 8/255"; that of its paper if a norm has one; or .npy with one for each sample',
      radii,
    )
    .option(
      '--attack <names>',
      `attacks with options (pgd:steps=40,stepSize=2/255) or presets (${Object.keys(presets).join(', ')}); may be repeated`,
      gather,
    )
    .option(
      '--criterion <name>',
      'misclassified, targeted, confident:P, top-k:K, joined by &',
      'misclassified',
    )
    .option(
      '--target <class>',
      'class wanted by a targeted criterion: a label, least-likely, random, or one for each class (3:5,7:1)',
    )
}

function radii(text: string): number[] | string {
  if (text.trim().endsWith('.npy')) return text.trim()
  const values = list(text).map(number)
  const bad = values.find((v) => v <= 0)
  if (bad !== undefined)
    throw new UsageError(`--eps ${text}: ${bad} is no radius`, {
      hint: 'eps is larger than 0; clean accuracy is always measured',
    })
  if (!values.length) throw new UsageError('--eps is empty', { hint: 'write --eps 8/255' })
  return [...new Set(values)]
}

/** @throws UsageError for a norm, attack, option or criterion that there is not */
export async function planOf(flags: PlanFlags): Promise<Plan> {
  try {
    const asked = flags.attack ?? ['quick']
    const attacks = asked.flatMap(parseAttack)
    if (!attacks.length) throw new UsageError('--attack is empty', { hint: 'write --attack pgd' })
    // An attack that looks for the smallest perturbation needs no radius.
    const sets = await setsOf(flags, attacks)
    const radiiFile = typeof flags.eps === 'string' ? flags.eps : undefined
    const eps = typeof flags.eps === 'string' ? [1] : (flags.eps ?? ownEps(sets))
    if (!eps && attacks.some((a) => a.definition.kind === 'fixed-eps'))
      throw new UsageError('no eps given', { hint: 'add --eps 8/255' })
    for (const { name, options } of attacks) explained(name, () => parseLoss(options.loss))
    const target = targetOf(flags.target)
    return {
      perturbations: sets,
      eps: eps ?? [],
      ...(radiiFile !== undefined && { radiiFile }),
      attacks,
      cascade: flags.cascade ?? isCascade(asked),
      criterion: criterionOf(flags.criterion, target),
      target,
    }
  } catch (error) {
    if (error instanceof AttackOptionError || error instanceof RangeError)
      throw new UsageError(error.message, { cause: error })
    throw error
  }
}

/** The sets asked for by name, or else the one that the attacks bring along. */
async function setsOf(flags: PlanFlags, attacks: readonly ConfiguredAttack[]): Promise<Perturbation[]> {
  const names = flags.norm ?? [...new Set(attacks.map(ownSet))]
  if (!flags.norm && names.length > 1)
    throw new UsageError(
      `${attacks.map((a) => a.name).join(', ')} do not share a perturbation set: their radii are not the same`,
      { hint: 'ask for them one at a time' },
    )
  const unknown = names.find((n) => !setNames.includes(n))
  if (unknown)
    throw new UsageError(`there is no norm "${unknown}"`, { hint: `there are ${setNames.join(', ')}` })
  if (!names.length) throw new UsageError('--norm is empty', { hint: 'write --norm linf' })
  checkGenerator(flags, names.includes('latent'))
  return Promise.all(names.map((n) => perturbations[n] ?? latentSet(flags)))
}

/** Name of the set that an attack is for where none is asked for. */
function ownSet({ definition: { perturbation, norms } }: ConfiguredAttack): string {
  if (perturbation) return perturbation.name
  return norms?.length === 1 && norms[0] === 'latent' ? 'latent' : 'linf'
}

/** The radius of their paper, if there is one for all. */
function ownEps(sets: readonly Perturbation[]): number[] | undefined {
  const radii = new Set(sets.map((s) => s.eps))
  const [eps] = radii
  return radii.size === 1 && eps !== undefined ? [eps] : undefined
}

/** Says which attack a loss was asked for by. */
function explained(name: string, f: () => unknown): void {
  try {
    f()
  } catch (error) {
    throw new UsageError(`${name}: ${(error as Error).message}`, { cause: error })
  }
}

/** A target makes any criterion a targeted one. */
function criterionOf(text: string, target: Plan['target']): Criterion {
  const criterion = parseCriterion(text)
  if (target === undefined || criterion.targeted) return criterion
  return parseCriterion(`targeted&${criterion.name}`.replace('&misclassified', ''))
}

function targetOf(text: string | undefined): Plan['target'] {
  if (text === undefined || text === 'least-likely' || text === 'random') return text
  if (!text.includes(':')) return labelOf(text, text)
  return Object.fromEntries(
    list(text).map((pair) => {
      const [from = '', to = '', ...rest] = pair.split(':')
      if (rest.length) throw noClass(text)
      return [labelOf(from, text), labelOf(to, text)]
    }),
  )
}

function labelOf(text: string, whole: string): number {
  const label = number(text)
  if (!Number.isInteger(label) || label < 0) throw noClass(whole)
  return label
}

const noClass = (text: string) =>
  new UsageError(`--target ${text} is no class`, {
    hint: 'write a label, least-likely, random, or pairs such as 3:5,7:1',
  })

/** @throws UsageError if the model has no such class */
export function checkTarget({ target }: Plan, { conventions, classes }: Target, path: string): void {
  const pairs = typeof target === 'object' ? Object.entries(target).flat().map(Number) : [target]
  for (const label of pairs)
    if (typeof label === 'number' && label + (conventions.labelOffset ?? 0) >= classes)
      throw new UsageError(`--target ${label}: ${path} has ${classes} classes`, {
        hint: 'labels count from 0',
      })
}

/**
 * The radii of a file, if the plan has one.
 *
 * @throws UsageError unless there is one above 0 for each of `count` samples
 */
export async function radiiOf({ radiiFile: file }: Plan, count: number): Promise<Float64Array | undefined> {
  if (file === undefined) return undefined
  const array = await openNpy(file)
  if (array.dims.length !== 1 || array.dims[0] !== count)
    throw new UsageError(
      `${file}: holds [${array.dims.join(', ')}], expected one radius for each of ${count} samples`,
    )
  const radii = Float64Array.from(await array.rows(0, count), Number)
  const bad = radii.findIndex((v) => !(v > 0 && v < Infinity))
  if (bad >= 0) throw new UsageError(`${file}: ${radii[bad]} of sample ${bad} is no radius`)
  return radii
}
