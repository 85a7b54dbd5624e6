/** A linear classifier of cats and airplanes, trained from nothing: what it says of test pictures, and what it goes by. */
import { imageGrid, type GridImage } from '@saddlepoint/report'
import type { Classifier } from 'saddlepoint'
import {
  catsAndAirplanes,
  CLASSES,
  linearClassifier,
  planeOf,
  shown,
  smallCnn,
  weightPicture,
  type Pictures,
} from './cat-and-airplane.ts'
import { idOf, overSeeds, percent } from './measurement.ts'
import { accuracy, answers, taught } from './pupils.ts'
import type { Figure, Findings, Kitchen } from './recipe.ts'

/** Found on held-out training pictures for the linear classifier of `flipped-labels`; the small network takes it over. */
const COURSE = { epochs: 12, rate: 5e-3 }
const SHOWN = 16

const networks = { linear: linearClassifier, 'small CNN': smallCnn }

export async function catAirplane(kitchen: Kitchen): Promise<Findings> {
  const pictures = await catsAndAirplanes(kitchen)
  const { train, test } = pictures
  const right: Record<string, number[]> = {}
  const figures: Figure[] = []
  for (const seed of kitchen.seeds)
    for (const [name, make] of Object.entries(networks)) {
      const model = await taught(kitchen, `${idOf(name)}-${seed}`, {
        network: make(),
        data: train,
        ...COURSE,
        seed,
      })
      const share = await accuracy(model, test)
      ;(right[name] ??= []).push(share)
      kitchen.say(`seed ${seed}, ${name}: ${percent(share)} of the test pictures`)
      if (!figures.length) figures.push(await predictions(model, pictures), await weights(model))
      await model.release()
    }
  return {
    prose: [
      `${train.labels.data.length} training pictures of CIFAR-10, half of them cats and half airplanes, taught a linear classifier (one weight ` +
        `for each class and value) and a small CNN; ${test.labels.data.length} test pictures tried them.`,
      'The weights of the linear classifier are a picture themselves, and to a person it is mostly noise. Whatever it goes by is not what ' +
        'a person would.',
    ],
    numbers: Object.entries(right).map(([name, shares]) =>
      overSeeds(`${idOf(name)}-clean`, `${name}: right on test pictures`, shares),
    ),
    figures,
  }
}

/** Test pictures from all over, with what the classifier says of each. */
async function predictions(model: Classifier, { test }: Pictures): Promise<Figure> {
  const said = await answers(model, test.images)
  const picture = (place: number): GridImage => {
    const i = Math.floor((place * said.length) / SHOWN)
    const { label, confidence } = said[i]!
    return {
      ...shown(test, i),
      caption: `${CLASSES[label]!} ${(100 * confidence).toFixed(0)} %`,
      tone: label === Number(test.labels.data[i]) ? 'good' : 'bad',
    }
  }
  return {
    name: 'predictions',
    caption: 'Test pictures, airplanes above and cats below, and what the linear classifier says of them.',
    svg: imageGrid({
      title: 'What the linear classifier says',
      rows: CLASSES.map((title, row) => ({
        title,
        images: Array.from({ length: SHOWN / 2 }, (_, i) => picture((row * SHOWN) / 2 + i)),
      })),
      side: 96,
    }),
  }
}

async function weights(model: Classifier): Promise<Figure> {
  return {
    name: 'weights',
    caption:
      'The weights of the linear classifier: what is lighter than grey speaks for a cat, what is darker for an airplane.',
    svg: imageGrid({
      title: 'Weights',
      rows: [{ images: [weightPicture(await planeOf(model), 'cat less airplane')] }],
      side: 200,
    }),
  }
}
