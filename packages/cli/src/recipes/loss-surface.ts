/** The loss around pictures: that of a standard and of a robust network, and of two whose gradients are masked. */
import { rows } from '@saddlepoint/autodiff'
import { localLinearity, lossSurface, randomPlane } from 'saddlepoint'
import { idOf, overSeeds, type Measurement } from './measurement.ts'
import type { Findings, Kitchen } from './recipe.ts'
import { figuresOf } from './surface-figures.ts'
import { groups, type Group, type Subject } from './surface-subjects.ts'

/** Points of a line across the ball on which the turns of the loss are counted. */
const POINTS = 129
/** Pictures whose lines are counted. */
const LINES = 8

interface Observed {
  /** Mean of γ(ε, x), and its size beside how much the loss changed there. */
  readonly departure: number
  readonly unforeseen: number
  readonly turns: number
  /** Share of the pictures at which the loss has no slope at all. */
  readonly flat: number
}

export async function lossSurfaceRecipe(kitchen: Kitchen): Promise<Findings> {
  const all = await groups(kitchen)
  const numbers: Measurement[] = []
  for (const group of all)
    for (const subject of group.subjects) {
      const seen: Observed[] = []
      for (const seed of kitchen.seeds) {
        kitchen.progress(subject.name, seen.length, kitchen.seeds.length)
        seen.push(await observe(kitchen, group, subject, seed))
      }
      numbers.push(...numbersOf(subject, seen))
    }
  const figures = []
  for (const group of all) figures.push(...(await figuresOf(kitchen, group)))
  return { prose: prose(all), numbers, figures }
}

async function observe(
  { signal }: Kitchen,
  group: Group,
  { model }: Subject,
  seed: number,
): Promise<Observed> {
  const { images, labels, eps } = group
  const found = await localLinearity(model, images, labels, { eps, seed, signal })
  const total = (of: (one: (typeof found)[number]) => number) => found.reduce((sum, one) => sum + of(one), 0)
  const line = Array.from({ length: POINTS }, (_, i) => eps * ((2 * i) / (POINTS - 1) - 1))
  const counts: number[] = []
  for (let i = 0; i < Math.min(LINES, labels.length); i++) {
    const plane = randomPlane(rows(images, i, i + 1), { seed })
    const { values } = await lossSurface(model, plane, labels[i]!, { x: line, y: [0], signal })
    counts.push(turnsOf(values[0]!))
  }
  return {
    departure: total((one) => one.departure) / found.length,
    unforeseen: total((one) => one.departure) / total((one) => Math.abs(one.change)),
    turns: counts.reduce((a, b) => a + b, 0) / counts.length,
    // Nothing is foreseen of a large move: the gradient is zero, in single precision.
    flat: found.filter((one) => one.foreseen === 0).length / found.length,
  }
}

/** How often a curve turns from rising to falling or back; wiggles below a fiftieth of its height are rounding. */
function turnsOf(values: Float64Array): number {
  const height = Math.max(...values) - Math.min(...values)
  const least = Math.max(height / 50, 1e-6)
  let turns = 0
  let direction = 0
  let [low, high] = [values[0]!, values[0]!]
  for (const v of values) {
    if (v > low + least && direction <= 0) {
      turns += direction < 0 ? 1 : 0
      direction = 1
      high = v
    } else if (v < high - least && direction >= 0) {
      turns += direction > 0 ? 1 : 0
      direction = -1
      low = v
    }
    if (direction >= 0) high = Math.max(high, v)
    if (direction <= 0) low = Math.min(low, v)
  }
  return turns
}

const numbersOf = ({ name }: Subject, seen: readonly Observed[]): Measurement[] => [
  overSeeds(
    `${idOf(name)}-departure`,
    `${name}: mean departure of the loss from its linear approximation within the ball`,
    seen.map((s) => s.departure),
    { unit: 'number' },
  ),
  overSeeds(
    `${idOf(name)}-unforeseen`,
    `${name}: the same, as a share of the loss's change`,
    seen.map((s) => s.unforeseen),
  ),
  overSeeds(
    `${idOf(name)}-flat`,
    `${name}: pictures at which the loss has no gradient`,
    seen.map((s) => s.flat),
  ),
  overSeeds(
    `${idOf(name)}-turns`,
    `${name}: turns of the loss along a random line across the ball, mean`,
    seen.map((s) => s.turns),
    { unit: 'number' },
  ),
]

const prose = (all: readonly Group[]): string[] => [
  `The cross-entropy loss was looked at around test pictures that all networks of a group are right about: ${all
    .map(({ name, labels, eps }) => `${labels.length} ${name} within Linf ${Number(eps.toFixed(3))}`)
    .join(', ')}. ` +
    'Contours and surfaces show one picture, the first that PGD moves across the boundary of the standard network: along the sign of the ' +
    "margin's gradient and random signs across it, and in the plane of the attack's own way; the slices of decisions lie between three pictures.",
  'The departure from the linear approximation is a lower bound, found by ascent (Qin et al. 2019). Cross-entropy around a picture that ' +
    'a network is sure of is flat first and steep then, so most of its change is unforeseen by the gradient, of a robust network too: ' +
    'the size of the departure tells them apart, its share does not.',
  'Masked networks are told by two other numbers: pictures at which the loss has no gradient, where scores are stretched, and turns of ' +
    'the loss along a line, where only the largest activations pass.',
]
