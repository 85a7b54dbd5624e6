/** What classifiers call pure Gaussian noise, over a grid of means and deviations, and how sure they are. */
import { heatMap } from '@saddlepoint/report'
import { rows } from '@saddlepoint/autodiff'
import { measurement, share, type Measurement } from './measurement.ts'
import { gridOf, noisePictures, onlookers, type Onlooker, type Point } from './noise.ts'
import type { Figure, Findings, Kitchen } from './recipe.ts'

const BATCH = 15
/** From here on a prediction counts as confident. */
const SURE = 0.9

interface Answer extends Point {
  readonly label: number
  readonly confidence: number
}

export async function noiseGrid(kitchen: Kitchen): Promise<Findings> {
  const { means, deviations } = gridOf(kitchen.fast)
  const points = deviations.flatMap((deviation) => means.map((mean) => ({ mean, deviation })))
  const watchers = await onlookers(kitchen)
  const answers = await Promise.all(watchers.map((w) => ask(kitchen, w, points)))
  const table = ['model,seed,mean,deviation,class,name,confidence']
  watchers.forEach(({ name, classes }, i) =>
    answers[i]!.forEach((own, run) => {
      for (const { mean, deviation, label, confidence } of own)
        table.push(
          [
            quoted(name),
            kitchen.seeds[run],
            mean,
            deviation,
            label,
            quoted(classes[label]!),
            confidence.toFixed(4),
          ].join(),
        )
    }),
  )
  const csv = await kitchen.write('noise.csv', `${table.join('\n')}\n`)
  return {
    prose: prose(kitchen, watchers, points.length, csv),
    numbers: watchers.flatMap((w, i) => numbersOf(w, answers[i]!.flat())),
    figures: [figure(watchers, answers, means, deviations)],
    details: { csv },
  }
}

/** Answers of one classifier to every point, for each seed. */
async function ask(
  kitchen: Kitchen,
  { name, model }: Onlooker,
  points: readonly Point[],
): Promise<Answer[][]> {
  const runs: Answer[][] = []
  for (const seed of kitchen.seeds) {
    const answers: Answer[] = []
    for (let from = 0; from < points.length && !kitchen.signal.aborted; from += BATCH) {
      const part = points.slice(from, from + BATCH)
      const x = noisePictures(part, model.shape, seed * points.length + from)
      const wanted = model.batch > 0 ? 1 : part.length
      for (let i = 0; i < part.length; i += wanted) {
        const decided = model.decide(await model.predict(rows(x, i, i + wanted)))
        decided.forEach((d, j) => answers.push({ ...part[i + j]!, ...d }))
      }
      kitchen.progress(name, answers.length, points.length)
    }
    runs.push(answers)
  }
  return runs
}

function numbersOf({ name, classes }: Onlooker, answers: readonly Answer[]): Measurement[] {
  const id = name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')
  const counts = new Map<number, number>()
  for (const { label } of answers) counts.set(label, (counts.get(label) ?? 0) + 1)
  const [[top, times]] = [...counts].toSorted((a, b) => b[1] - a[1]) as [[number, number]]
  const sure = answers.filter((a) => a.confidence >= SURE).length
  return [
    share(
      `${id}-sure`,
      `${name}: noise that is called something with confidence ${SURE} or more`,
      sure,
      answers.length,
    ),
    measurement(
      `${id}-confidence`,
      `${name}: mean confidence`,
      answers.reduce((sum, a) => sum + a.confidence, 0) / answers.length,
    ),
    measurement(`${id}-classes`, `${name}: classes that noise is called`, counts.size, { unit: 'number' }),
    share(`${id}-favourite`, `${name}: noise that is called ${classes[top]!}`, times, answers.length),
  ]
}

function figure(
  watchers: readonly Onlooker[],
  answers: readonly Answer[][][],
  means: readonly number[],
  deviations: readonly number[],
): Figure {
  const panels = watchers.map(({ name }, i) => ({
    title: name,
    values: deviations.map((_, row) =>
      means.map((_m, column) => {
        const own = answers[i]!.map((run) => run[row * means.length + column]!.confidence)
        return own.reduce((a, b) => a + b, 0) / own.length
      }),
    ),
  }))
  return {
    name: 'confidence',
    caption: 'How sure each classifier is of what it calls Gaussian noise; mean over the seeds.',
    svg: heatMap({
      title: 'Confidence on Gaussian noise',
      rows: deviations.map(String),
      columns: means.map(String),
      rowTitle: 'Deviation (0–255)',
      columnTitle: 'Mean of the pixels (0–255)',
      valueTitle: 'Confidence',
      domain: [0, 1],
      panels,
    }),
  }
}

const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`

const prose = ({ seeds }: Kitchen, watchers: readonly Onlooker[], points: number, csv: string): string[] => [
  `Pictures of nothing but independent Gaussian pixels, ${points} pairs of mean and deviation, ${seeds.length === 1 ? 'one picture' : `${seeds.length} pictures`} each, ` +
    `were shown to ${watchers.map((w) => w.name).join(' and ')}. Every answer is a mistake: there is nothing to see. All of them are in ${csv}.`,
  'What noise is called, and how surely, is a habit of the classifier and of the statistics of the noise: a picture need not be ' +
    'close to any training image to be put into a class with confidence.',
]
