/** One set of pictures attacked from every axis of an attack: loss, optimiser, perturbation, gradient, start, success. */
import { heatMap } from '@saddlepoint/report'
import { evaluate, parseAttack, parseCriterion, perturbations } from 'saddlepoint'
import { demoModels } from '../builtin.ts'
import type { Opened } from '../commands/open.ts'
import { share, type Measurement } from './measurement.ts'
import type { Figure, Findings, Kitchen } from './recipe.ts'

/** One stop: the attack that the others differ from in nothing but their axis, unless it says otherwise. */
interface Stop {
  readonly axis: string
  readonly member: string
  readonly attack?: string
  readonly norm?: string
  readonly eps?: number
  readonly criterion?: string
}

const BASE = { attack: 'pgd:steps=20', norm: 'linf', eps: 8 / 255, criterion: 'misclassified' }

const along = (axis: string, members: readonly string[], of: (member: string) => Partial<Stop>): Stop[] =>
  members.map((member) => ({ axis, member, ...of(member) }))

const everyStop: readonly Stop[] = [
  ...along(
    'loss',
    ['cross-entropy', 'scaled-cross-entropy', 'margin', 'dlr', 'logit-difference', 'kl'],
    (loss) => ({ attack: `pgd:steps=20,loss=${loss}` }),
  ),
  ...along(
    'optimiser',
    ['fgsm', 'bim', 'pgd', 'mim', 'nim', 'fw', 'apgd-ce', 'apgd-t', 'square'],
    (name) => ({
      attack: name,
    }),
  ),
  // Radii that a person hardly sees, or those of the papers.
  { axis: 'perturbation', member: 'linf 8/255' },
  { axis: 'perturbation', member: 'l2 1', norm: 'l2', eps: 1 },
  { axis: 'perturbation', member: 'l1 20', norm: 'l1', eps: 20, attack: 'apgd-ce' },
  { axis: 'perturbation', member: 'l0 60', norm: 'l0', eps: 60, attack: 'pgd-l0' },
  ...along('perturbation', ['rotation', 'flow', 'recolor', 'nuclear', 'patch'], (norm) => ({
    norm,
    eps: perturbations[norm]!.eps!,
    attack: norm,
  })),
  ...along('gradient', ['exact', 'nes', 'spsa', 'sphere'], (gradient) => ({
    attack: `pgd:steps=20,gradient=${gradient}`,
  })),
  ...along('start', ['input', 'uniform', 'gaussian', 'corners', 'odi'], (start) => ({
    attack: `pgd:steps=20,start=${start}`,
  })),
  ...along('success', ['misclassified', 'confident:0.9', 'top-k:3', 'targeted'], (criterion) => ({
    criterion,
  })),
]

/** What the small version stops at. */
const QUICK = new Set(['margin', 'fgsm', 'pgd', 'l2 1', 'rotation', 'nes', 'odi', 'confident:0.9'])

export async function axesTour(kitchen: Kitchen): Promise<Findings> {
  const limit = kitchen.fast ? 16 : 100
  const stops = kitchen.fast ? everyStop.filter(({ member }) => QUICK.has(member)) : everyStop
  const models = await Promise.all(demoModels().map((path) => kitchen.open(path, 'signs', { limit })))
  const broken: number[][] = []
  for (const [i, stop] of stops.entries()) {
    if (kitchen.signal.aborted) break
    kitchen.progress(stop.axis, i, stops.length)
    const counts: number[] = []
    for (const opened of models) counts.push(await visit(kitchen, opened, stop))
    broken.push(counts)
  }
  const right = await Promise.all(models.map((m) => rightOf(m)))
  return {
    prose: [
      `The same ${limit} drawn signs, a standard and an adversarially trained classifier, and PGD with 20 steps in the Linf ball of radius 8/255: ` +
        'from there each row changes one thing only, the loss that is climbed, the optimiser, the set of perturbations, where gradients come from, ' +
        'where the search starts, or what counts as success.',
      'Robustness is robustness to something. Adversarial training in one ball helps little against sets it has not seen, and most of the ' +
        'losses and starts matter little where gradients are honest; where they are not, they matter more than anything else.',
    ],
    numbers: stops.flatMap((stop, i) => numbersOf(stop, broken[i]!, right)),
    figures: [figure(stops, broken, right)],
  }
}

const NAMES = ['standard', 'robust']

/** How many of the pictures that were right an attack breaks. */
async function visit({ seeds, signal }: Kitchen, { classifier, data }: Opened, stop: Stop): Promise<number> {
  const { attack, norm, eps, criterion } = { ...BASE, ...stop }
  const { result } = await evaluate(classifier, data, {
    perturbations: [perturbations[norm]!],
    eps: [eps],
    attacks: parseAttack(attack),
    criterion: parseCriterion(criterion),
    target: 'random',
    seed: seeds[0],
    batchSize: 32,
    audit: 'off',
    gallery: 0,
    signal,
  })
  return result.samples.filter(
    (s) => s.predicted === s.label && Object.values(s.attacks).some((a) => a.success),
  ).length
}

async function rightOf({ classifier, data }: Opened): Promise<number> {
  const decided = classifier.decide(await classifier.predict(await data.batch(0, data.length)))
  return decided.filter((d, i) => d.label === data.labels[i]).length
}

const numbersOf = (
  { axis, member }: Stop,
  broken: readonly number[],
  right: readonly number[],
): Measurement[] =>
  NAMES.map((name, i) =>
    share(
      `${name}-${axis}-${member}`,
      `${axis} ${member}, ${name} classifier: signs broken`,
      broken[i]!,
      right[i]!,
    ),
  )

const figure = (
  stops: readonly Stop[],
  broken: readonly (readonly number[])[],
  right: readonly number[],
): Figure => ({
  name: 'axes',
  caption: 'Success of the attack in each row, of the signs that the classifier had right.',
  svg: heatMap({
    title: 'The same signs, attacked from every axis',
    rows: stops.map(({ axis, member }) => `${axis}: ${member}`),
    columns: NAMES,
    columnTitle: 'Classifier',
    valueTitle: 'Broken (%)',
    domain: [0, 100],
    panels: [{ values: broken.map((counts) => counts.map((c, i) => (100 * c) / right[i]!)) }],
    format: (v) => v.toFixed(0),
  }),
})
