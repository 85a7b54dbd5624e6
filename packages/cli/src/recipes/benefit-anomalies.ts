/** How well each classifier's own uncertainty tells pictures of nothing it knows from those of its classes. */
import { float32, type NDArray } from '@saddlepoint/autodiff'
import { barChart } from '@saddlepoint/report'
import { auc, energy, scoresOf, softmaxConfidence, type EvaluationData } from 'saddlepoint'
import { idOf, measurement, type Measurement } from './measurement.ts'
import { noisePictures } from './noise.ts'
import { asSigns } from './benefit-digits.ts'
import type { Figure, Kitchen } from './recipe.ts'
import type { TrainedPair } from './benefit-pair.ts'

const detectors = { softmax: softmaxConfidence(), energy: energy() }

export async function anomalies(
  kitchen: Kitchen,
  { both, test }: TrainedPair,
): Promise<{ readonly numbers: readonly Measurement[]; readonly figure: Figure }> {
  const count = kitchen.fast ? 64 : 250
  const clean = await asData('signs', await test.batch(0, Math.min(count, test.length)))
  const strange = await strangers(kitchen, count, test.shape)
  const areas: {
    readonly by: string
    readonly detector: string
    readonly set: string
    readonly area: number
  }[] = []
  for (const { name: by, model } of both)
    for (const [detector, configured] of Object.entries(detectors)) {
      kitchen.progress(`anomalies, ${by}`, areas.length, strange.length * 4)
      const fitted = await configured.fit(model, clean)
      const own = await scoresOf(fitted, model, clean)
      for (const data of strange)
        areas.push({ by, detector, set: data.name, area: auc(own, await scoresOf(fitted, model, data)) })
    }
  const at = (by: string, detector: string, set: string) =>
    areas.find((a) => a.by === by && a.detector === detector && a.set === set)!.area
  return {
    numbers: areas.map(({ by, detector, set, area }) =>
      measurement(
        `anomalies-${idOf(set)}-${detector}-${by}`,
        `${set} against signs, ${detector}, ${by} classifier: area under the ROC curve`,
        area,
      ),
    ),
    figure: {
      name: 'anomalies',
      caption:
        'Area under the ROC curve with which pictures of nothing that the classifiers know are told from test signs; 0.5 is chance.',
      svg: barChart({
        title: 'Anomaly detection by uncertainty',
        groups: strange.map(({ name }) => name),
        series: both.flatMap(({ name }) =>
          Object.keys(detectors).map((detector) => ({
            name: `${name}, ${detector}`,
            values: strange.map((data) => ({ value: at(name, detector, data.name) })),
          })),
        ),
        y: { title: 'Area under the ROC curve', domain: [0, 1] },
      }),
    },
  }
}

async function strangers(
  kitchen: Kitchen,
  count: number,
  shape: readonly number[],
): Promise<EvaluationData[]> {
  const points = Array.from({ length: count }, () => ({ mean: 128, deviation: 64 }))
  const sets = [await asData('Gaussian noise', noisePictures(points, shape, kitchen.seeds[0]!))]
  if (kitchen.has('cifar10')) {
    const photographs = await kitchen.data('cifar10', { limit: count, shuffle: 0 })
    sets.push(await asData('CIFAR-10', await photographs.batch(0, photographs.length)))
  }
  if (kitchen.has('mnist')) {
    const digits = await kitchen.data('mnist', { limit: count })
    sets.push(await asData('digits', asSigns(await digits.batch(0, digits.length))))
  }
  return sets
}

/** Pictures as an evaluation reads them; their labels are not asked for. */
const asData = async (name: string, images: NDArray): Promise<EvaluationData> => {
  const [length, ...shape] = images.dims as [number, ...number[]]
  const size = shape.reduce((a, b) => a * b, 1)
  const data = images.data as Float32Array
  return {
    name,
    length,
    labels: Array.from({ length }, () => 0),
    batch: (from, to) =>
      Promise.resolve(float32([to - from, ...shape], data.subarray(from * size, to * size))),
  }
}
