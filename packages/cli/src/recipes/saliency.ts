/** Gradients, SmoothGrad, and the plain gradients of a robust model: how legible each is, in figures and in numbers. */
import { takeRows, type NDArray } from '@saddlepoint/autodiff'
import { imageGrid, type GridRow } from '@saddlepoint/report'
import { importance, legibility, parseExplanation, type Explanation, type Legibility } from 'saddlepoint'
import { heatOf } from '../heat.ts'
import { measurement, type Measurement } from './measurement.ts'
import type { Figure, Findings, Kitchen } from './recipe.ts'
import { digitPairs, mean, meanOf, signPair, type Pair } from './sign-pair.ts'

/** Whose explanation, by which method. */
const shown = [
  { as: 'standard, gradient', who: 'standard', method: 'gradient' },
  { as: 'standard, SmoothGrad', who: 'standard', method: 'smoothgrad' },
  { as: 'robust, gradient', who: 'robust', method: 'gradient' },
] as const
type Shown = (typeof shown)[number]['as']

const SCORES = {
  alignment: 'alignment with the picture, |cos| (Etmann et al. 2019)',
  edges: "rank correlation with the picture's edges",
} as const
type Score = keyof typeof SCORES

const PICTURED = 6

export async function saliency(kitchen: Kitchen): Promise<Findings> {
  const limit = kitchen.fast ? 12 : 200
  const pairs = [await signPair(kitchen, limit), ...(await digitPairs(kitchen, limit))]
  const numbers: Measurement[] = []
  const figures: Figure[] = []
  for (const pair of pairs) {
    const found = await explanations(kitchen, pair)
    const scores = Object.fromEntries(
      shown.map(({ as }) => [as, found[as].map((e) => legibility(pair.x, e.attribution))]),
    ) as unknown as Record<Shown, readonly (readonly Legibility[])[]>
    numbers.push(...numbersOf(pair, scores))
    figures.push(figureOf(pair, found))
  }
  return { prose: prose(pairs, limit, kitchen), numbers, figures }
}

/** One explanation of all pictures for each seed; without noise the seeds are one. */
async function explanations(kitchen: Kitchen, pair: Pair): Promise<Record<Shown, Explanation[]>> {
  const found: Partial<Record<Shown, Explanation[]>> = {}
  for (const [k, { as, who, method }] of shown.entries()) {
    kitchen.progress(pair.name, k, shown.length)
    const seeds = method === 'smoothgrad' ? kitchen.seeds : kitchen.seeds.slice(0, 1)
    const own: Explanation[] = []
    for (const seed of seeds)
      own.push(
        await parseExplanation(method).explain(pair[who], pair.x, {
          seed,
          batchSize: 64,
          signal: kitchen.signal,
        }),
      )
    found[as] = own
  }
  return found as Record<Shown, Explanation[]>
}

function numbersOf(pair: Pair, scores: Record<Shown, readonly (readonly Legibility[])[]>): Measurement[] {
  const id = idOf(pair)
  return (Object.keys(SCORES) as Score[]).flatMap((score) => {
    /** Of each picture, the mean over the seeds. */
    const of = (as: Shown) => scores[as][0]!.map((_, i) => mean(scores[as].map((run) => run[i]![score])))
    const single = shown.map(({ as }) => {
      const { value, interval } = meanOf(of(as))
      return measurement(
        `${id}-${score}-${as.replaceAll(/[^a-zA-Z]+/g, '-').toLowerCase()}`,
        `${pair.name}: ${SCORES[score]}: ${as}`,
        value,
        { unit: 'number', interval },
      )
    })
    const smooth = of('standard, SmoothGrad')
    const { value, interval } = meanOf(of('robust, gradient').map((v, i) => v - smooth[i]!))
    const difference = measurement(
      `${id}-${score}-difference`,
      `${pair.name}: ${SCORES[score]}: the robust gradient above the standard SmoothGrad, picture by picture`,
      value,
      { unit: 'number', interval, mark: '>= 0' },
    )
    return [...single, difference]
  })
}

function figureOf(pair: Pair, found: Record<Shown, readonly Explanation[]>): Figure {
  const { name, x, labels, classes } = pair
  const [, ...shape] = x.dims as [number, number, number, number]
  const chosen = firstOfEach(labels)
  const rows = chosen.map((i): GridRow => {
    const picture = takeRows(x, [i])
    const maps = shown.map(({ as }) => {
      const { attribution, unit } = found[as][0]!
      const { heat } = heatOf(
        importance({ attribution: takeRows(attribution, [i]), unit }).data as Float32Array,
        picture,
      )
      return image(heat)
    })
    return { title: classes[labels[i]!]!, images: [{ pixels: picture.data as Float32Array, shape }, ...maps] }
  })
  return {
    name: `saliency-${idOf(pair)}`,
    caption: `What matters for the predicted class, by the size of the slope at each pixel (${name}).`,
    svg: imageGrid({
      title: `Saliency, ${name}`,
      columns: ['picture', ...shown.map((s) => s.as)],
      rows,
      side: 110,
    }),
  }
}

const image = ({ data, dims }: NDArray) => ({
  pixels: data as Float32Array,
  shape: dims as [number, number, number],
})

const idOf = ({ name }: Pair) => name.toLowerCase().replaceAll(' ', '-')

/** The first picture of each class, for as many as are drawn. */
const firstOfEach = (labels: readonly number[]) =>
  [...new Set(labels)].slice(0, PICTURED).map((label) => labels.indexOf(label))

const prose = (pairs: readonly Pair[], limit: number, { seeds }: Kitchen): string[] => [
  `The first ${limit} test pictures of ${pairs.map((p) => p.name).join(' and ')}, each explained by the gradient of its predicted class's score, and by ` +
    `SmoothGrad (50 noisy copies, σ 0.15 of the range${seeds.length > 1 ? `, mean over ${seeds.length} seeds` : ''}), on a network trained as usual and on one trained adversarially.`,
  'Legibility is measured twice: by the alignment of the slope with the picture, whose channels have their means taken off, and by ' +
    'how the sizes of the slope follow the strength of the edges (Sobel) in rank. Intervals are those of the mean over pictures.',
  'A robust network may be legible in one sense only: LeNet5 trained adversarially at Linf 0.3 cuts its input at thresholds, and has ' +
    'slopes at the outlines alone, of either sign. They follow the edges, and are not aligned with the strokes.',
]
