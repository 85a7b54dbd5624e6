/** Pictures made with each classifier: from nothing, from pictures with a hole, and from coarse ones; and what a third network says. */
import { float32, rows, type NDArray } from '@saddlepoint/autodiff'
import { imageGrid, type GridImage } from '@saddlepoint/report'
import { classSeeds, signCnn, synthesise, type Target } from 'saddlepoint'
import { idOf, measurement, overSeeds, share, type Measurement } from './measurement.ts'
import { accuracy, answers, taught } from './pupils.ts'
import type { Figure, Kitchen } from './recipe.ts'
import type { TrainedPair } from './benefit-pair.ts'

const STEPS = 60
/** By which seeds and coarse pictures are made smaller. */
const FACTOR = 4
/** L2 radii: from a seed nearly everything may change; those of repairs left the least error of 1, 2, 4 and of 0.5, 1 on training pictures. */
const EPS = { generation: 15, hole: 2, coarse: 1 }
/** Side of the hole in the middle, of 32. */
const HOLE = 12
const SHOWN = 6

interface Scale {
  readonly training: number
  readonly judged: number
  readonly epochs: number
  readonly perClass: number
  readonly repaired: number
}
const whole: Scale = { training: 4000, judged: 4000, epochs: 6, perClass: 6, repaired: 64 }
const small: Scale = { training: 640, judged: 1600, epochs: 6, perClass: 1, repaired: 16 }

export interface Made {
  readonly numbers: readonly Measurement[]
  readonly figures: readonly Figure[]
  readonly judgeAccuracy: number
}

export async function syntheses(kitchen: Kitchen, { both, test }: TrainedPair): Promise<Made> {
  const scale = kitchen.fast ? small : whole
  const { images, labels } = await kitchen.training('signs', { limit: scale.training })
  const seeds = classSeeds(images, labels.data as BigInt64Array, FACTOR)
  const classes = both[0].model.classes
  const wanted = Array.from({ length: classes * scale.perClass }, (_, i) => i % classes)
  const names = (label: number) => both[0].model.classNames?.[label] ?? `class ${label}`
  const sorted = await judge(kitchen, scale)
  const right = await accuracy(sorted, await kitchen.training('signs', { split: 'test' }))
  const shares: Record<string, number[]> = {}
  const shown: { readonly title: string; readonly images: readonly GridImage[] }[] = []
  for (const seed of kitchen.seeds) {
    const from = seeds.draw(wanted, seed)
    const tell = async (name: string, pictures: NDArray) => {
      const said = await answers(sorted, pictures)
      ;(shares[name] ??= []).push(said.filter(({ label }, i) => label === wanted[i]).length / wanted.length)
      if (seed !== kitchen.seeds[0]) return
      const columns = Array.from({ length: SHOWN }, (_, i) => Math.floor((i * classes) / SHOWN))
      shown.push({
        title: name,
        images: columns.map((i) => shownAs(pictures, i, names(said[i]!.label), said[i]!.label === wanted[i])),
      })
    }
    await tell('seeds', from)
    for (const { name, model } of both) {
      const { pictures } = await synthesise(model, from, wanted, {
        eps: EPS.generation,
        steps: STEPS,
        signal: kitchen.signal,
        onStep: (done, total) => kitchen.progress(`generating, ${name}`, done, total),
      })
      await tell(name, pictures)
    }
  }
  const columns = Array.from({ length: SHOWN }, (_, i) => names(Math.floor((i * classes) / SHOWN)))
  const clean = await test.batch(0, scale.repaired)
  const truth = Array.from({ length: scale.repaired }, (_, i) => test.labels[i]!)
  const repairs = [holes(clean), coarse(clean)]
  const mended: Mended[] = []
  for (const damage of repairs) mended.push(await mend(kitchen, both, sorted, clean, truth, damage))
  return {
    judgeAccuracy: right,
    numbers: [
      measurement('judge', 'the judge, a third network: right on test pictures', right),
      ...Object.entries(shares).map(([name, values]) =>
        overSeeds(
          `generated-${name}`,
          name === 'seeds'
            ? 'seeds before any ascent: called the wanted class by the judge'
            : `generated with the ${name} classifier: called the wanted class by the judge`,
          values,
        ),
      ),
      ...mended.flatMap((m) => m.numbers),
    ],
    figures: [
      {
        name: 'generation',
        caption:
          `Pictures of the classes above, begun from a draw of each class's Gaussian and climbed for ${STEPS} steps within L2 ${EPS.generation}. ` +
          'Above each, what the judge calls it.',
        svg: imageGrid({ title: 'Pictures made with one classifier', columns, rows: shown, side: 100 }),
      },
      ...mended.map((m) => m.figure),
    ],
  }
}

/** A network of another width, trained as usual on other pictures. */
function judge(kitchen: Kitchen, { judged, epochs, training }: Scale): Promise<Target> {
  return kitchen.training('signs', { limit: judged, offset: training }).then((data) =>
    taught(kitchen, 'judge', {
      network: signCnn({ classes: 16, width: 16 }),
      data,
      epochs,
      rate: 4e-3,
      seed: 100,
    }),
  )
}

interface Damage {
  readonly name: string
  readonly what: string
  readonly eps: number
  readonly images: NDArray
  readonly known?: NDArray
}

/** A grey square in the middle of each picture. */
function holes(clean: NDArray): Damage {
  const [, , height, width] = clean.dims as [number, number, number, number]
  const [top, left] = [(height - HOLE) / 2, (width - HOLE) / 2]
  const known = Float32Array.from(clean.data as Float32Array, (_, i) => {
    const [row, column] = [Math.floor(i / width) % height, i % width]
    return row >= top && row < top + HOLE && column >= left && column < left + HOLE ? 0 : 1
  })
  const images = (clean.data as Float32Array).map((v, i) => (known[i] ? v : 0.5))
  return {
    name: 'inpainting',
    what: `pictures with a hole of ${HOLE} × ${HOLE}`,
    eps: EPS.hole,
    images: float32(clean.dims, images),
    known: float32(clean.dims, known),
  }
}

/** Squares of one colour. */
function coarse(clean: NDArray): Damage {
  const [, , height, width] = clean.dims as [number, number, number, number]
  const data = clean.data as Float32Array
  const images = data.map((_, i) => {
    const [row, column] = [Math.floor(i / width) % height, i % width]
    const corner = i - (row % FACTOR) * width - (column % FACTOR)
    let sum = 0
    for (let r = 0; r < FACTOR; r++) for (let c = 0; c < FACTOR; c++) sum += data[corner + r * width + c]!
    return sum / FACTOR ** 2
  })
  return {
    name: 'super-resolution',
    what: `pictures made smaller by ${FACTOR}`,
    eps: EPS.coarse,
    images: float32(clean.dims, images),
  }
}

interface Mended {
  readonly numbers: readonly Measurement[]
  readonly figure: Figure
}

/** Ascent towards the true class, from damaged pictures. */
async function mend(
  { signal, progress }: Kitchen,
  both: TrainedPair['both'],
  sorted: Target,
  clean: NDArray,
  truth: readonly number[],
  { name, what, eps, images, known }: Damage,
): Promise<Mended> {
  const results: { readonly title: string; readonly pictures: NDArray }[] = [
    { title: 'original', pictures: clean },
    { title: 'damaged', pictures: images },
  ]
  for (const { name: by, model } of both) {
    const { pictures } = await synthesise(model, images, truth, {
      eps,
      steps: STEPS,
      ...(known && { known }),
      signal,
      onStep: (done, total) => progress(`${name}, ${by}`, done, total),
    })
    results.push({ title: by, pictures })
  }
  const numbers: Measurement[] = []
  const lines: { readonly title: string; readonly images: readonly GridImage[] }[] = []
  const [damaged] = [distance(images, clean)]
  for (const { title, pictures } of results) {
    const said = await answers(sorted, pictures)
    const right = said.filter(({ label }, i) => label === truth[i]).length
    const subject =
      title === 'original' || title === 'damaged' ? title : `repaired with the ${title} classifier`
    if (title !== 'original')
      numbers.push(share(`${name}-${idOf(title)}`, `${what}, ${subject}: judged right`, right, truth.length))
    if (title === 'standard' || title === 'robust')
      numbers.push(
        measurement(
          `${name}-${idOf(title)}-error`,
          `${what}, ${subject}: squared error left, as a share of the damage`,
          distance(pictures, clean) / damaged,
        ),
      )
    lines.push({
      title,
      images: Array.from({ length: SHOWN }, (_, i) =>
        shownAs(
          pictures,
          i,
          sorted.classNames?.[said[i]!.label] ?? both[0].model.classNames![said[i]!.label]!,
          said[i]!.label === truth[i],
        ),
      ),
    })
  }
  return {
    numbers,
    figure: {
      name,
      caption: `${what[0]!.toUpperCase()}${what.slice(1)}, repaired by ascent towards the true class within L2 ${eps}. Above each, what the judge calls it.`,
      svg: imageGrid({ title: name[0]!.toUpperCase() + name.slice(1), rows: lines, side: 100 }),
    },
  }
}

const distance = (a: NDArray, b: NDArray): number =>
  (a.data as Float32Array).reduce((sum, v, i) => sum + (v - Number(b.data[i])) ** 2, 0)

const shownAs = (pictures: NDArray, i: number, caption: string, good: boolean): GridImage => ({
  pixels: rows(pictures, i, i + 1).data as Float32Array,
  shape: pictures.dims.slice(1) as [number, number, number],
  caption,
  tone: good ? 'good' : 'bad',
})
