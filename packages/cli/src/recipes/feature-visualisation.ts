/** What gradient ascent on the input brings out of a standard and of a robust network: its classes, and features of its representation. */
import { takeRows, type NDArray } from '@saddlepoint/autodiff'
import { imageGrid, type GridRow } from '@saddlepoint/report'
import { parseObjective, parseWay, visualise } from 'saddlepoint'
import { measurement, share, type Measurement } from './measurement.ts'
import type { Figure, Findings, Kitchen } from './recipe.ts'
import { meanOf, signPair, type Pair } from './sign-pair.ts'

const NETWORKS = ['standard', 'robust'] as const
type Network = (typeof NETWORKS)[number]

/** Plain ascent, as Engstrom et al. 2019 do it; and with all the regularisers that make a standard network's features presentable. */
const WAYS = { ball: 'ball:steps=60', fourier: 'fourier:steps=120' } as const
const FEATURES = 6

export async function featureVisualisation(kitchen: Kitchen): Promise<Findings> {
  const pair = await signPair(kitchen, 256)
  const classes = pair.classes.map((_, k) => k).slice(0, kitchen.fast ? 4 : undefined)
  const features = Array.from({ length: kitchen.fast ? 2 : FEATURES }, (_, k) => `feature:${k}`)
  const real = unitRows(pair.x)
  const numbers: Measurement[] = []
  const figures: Figure[] = []
  for (const [name, way] of Object.entries(WAYS)) {
    const kinship: Partial<Record<Network, number[]>> = {}
    const rows: GridRow[] = []
    for (const network of NETWORKS) {
      const made = await pictures(kitchen, pair, network, way, [
        ...classes.map((k) => `class:${k}`),
        ...features,
      ])
      rows.push(...rowsOf(network, made, pair, classes.length))
      const judged = classes.flatMap((k, i) =>
        made[i]!.map((picture) => ({ k, ...nearest(picture, real, pair.labels, k) })),
      )
      kinship[network] = judged.map((j) => j.kinship)
      const { value, interval } = meanOf(kinship[network])
      numbers.push(
        share(
          `${name}-${network}-nearest`,
          `${network}, ${name}: pictures of a class whose nearest test picture is of that class`,
          judged.filter((j) => j.label === j.k).length,
          judged.length,
        ),
        measurement(
          `${name}-${network}-likeness`,
          `${network}, ${name}: cosine with the nearest test picture of the class`,
          value,
          { unit: 'number', interval },
        ),
      )
    }
    const { value, interval } = meanOf(kinship.robust!.map((v, i) => v - kinship.standard![i]!))
    numbers.push(
      measurement(
        `${name}-likeness-difference`,
        `${name}: that cosine, the robust network's above the standard one's`,
        value,
        { unit: 'number', interval, mark: '>= 0' },
      ),
    )
    figures.push({
      name: `features-${name}`,
      caption: `What each network looks for in the classes, and features of its last layer, from noise (${name}).`,
      svg: imageGrid({ title: `Feature visualisation, ${name}`, rows, side: 84, width: 960 }),
    })
  }
  return { prose, numbers, figures }
}

/** For each objective one picture for every seed, [1, …]. */
async function pictures(
  kitchen: Kitchen,
  pair: Pair,
  network: Network,
  way: string,
  objectives: readonly string[],
): Promise<NDArray[][]> {
  const made: NDArray[][] = []
  for (const [k, objective] of objectives.entries()) {
    kitchen.progress(`${network}, ${way}`, k, objectives.length)
    const own: NDArray[] = []
    for (const seed of kitchen.seeds) {
      const { pictures: found } = await visualise(pair[network], parseObjective(objective), parseWay(way), {
        seed,
        signal: kitchen.signal,
      })
      own.push(takeRows(found, [0]))
    }
    made.push(own)
  }
  return made
}

/** Eight pictures a row: the classes, then the features. */
function rowsOf(
  network: Network,
  made: readonly NDArray[][],
  { classes }: Pair,
  classCount: number,
): GridRow[] {
  const images = made.map(([first], k) => ({
    pixels: first!.data as Float32Array,
    shape: first!.dims.slice(1) as [number, number, number],
    caption: k < classCount ? classes[k]! : `feature ${k - classCount}`,
  }))
  return Array.from({ length: Math.ceil(images.length / 8) }, (_, r) => ({
    title: r === 0 ? network : '',
    images: images.slice(r * 8, r * 8 + 8),
  }))
}

/** Pictures as rows of length 1, the mean of each channel taken off. */
function unitRows({ dims, data }: NDArray): Float64Array[] {
  const [n, channels] = dims as [number, number]
  const size = data.length / n
  const places = size / channels
  return Array.from({ length: n }, (_, i) => {
    const row = Float64Array.from(data.subarray(i * size, (i + 1) * size) as Float32Array)
    for (let c = 0; c < size; c += places) {
      const middle = row.subarray(c, c + places).reduce((a, b) => a + b, 0) / places
      for (let p = c; p < c + places; p++) row[p]! -= middle
    }
    const length = Math.sqrt(row.reduce((sum, v) => sum + v * v, 0)) || 1
    return row.map((v) => v / length)
  })
}

/** The class of the test picture that is nearest, and the cosine with the nearest one of a class. */
function nearest(picture: NDArray, real: readonly Float64Array[], labels: readonly number[], wanted: number) {
  const [own] = unitRows(picture) as [Float64Array]
  const cosines = real.map((row) => row.reduce((sum, v, j) => sum + v * own[j]!, 0))
  const best = cosines.indexOf(Math.max(...cosines))
  return { label: labels[best]!, kinship: Math.max(...cosines.filter((_, i) => labels[i] === wanted)) }
}

const prose = [
  'From noise around grey, the score of each class, and single features of the last layer, were climbed on a network trained as ' +
    'usual and on one trained adversarially: by plain normalised ascent in an L2 ball, and by Adam on decorrelated frequencies and ' +
    'colours, the picture moved a little at every step.',
  'Both networks are certain of what they made, and of what the other made, so neither can judge whether it is recognisable. The ' +
    'judge is no network: each picture is compared with 256 test pictures, by the cosine with the channel means taken off.',
]
