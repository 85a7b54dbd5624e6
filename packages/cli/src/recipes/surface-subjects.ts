/** The networks whose loss is looked at, with the pictures that all of a group are right about. */
import { emitBytes, input, rows, takeRows, type NDArray } from '@saddlepoint/autodiff'
import { attackPath, classifier, kWtaCnn, type Target } from 'saddlepoint'
import { demoModels } from '../builtin.ts'
import type { Dataset } from '../data/index.ts'
import { answers, taught } from './pupils.ts'
import type { Kitchen } from './recipe.ts'

export interface Subject {
  readonly name: string
  readonly model: Target
  /** What its loss should be like. */
  readonly kind: 'standard' | 'robust' | 'masked'
}

export interface Group {
  readonly name: string
  readonly subjects: readonly Subject[]
  readonly eps: number
  /** Pictures [n, …] that all of them are right about, and their classes. */
  readonly images: NDArray
  readonly labels: readonly number[]
  /** The one that is drawn: the first that PGD moves across the boundary of the standard network. */
  readonly shown: number
}

/** So far apart that cross-entropy in single precision has no slope left. */
const FACTOR = 1000
const LENET5 = {
  standard: 'models/mnist/mnist_std_advertorch_lenet5.onnx',
  robust: 'models/mnist/mnist_adv_advertorch_lenet5.onnx',
}

/** Drawn signs always; in the whole version digits too, where the files are to be had. */
export async function groups(kitchen: Kitchen): Promise<Group[]> {
  const wanted = kitchen.fast ? 12 : 48
  const all = [await signs(kitchen, wanted)]
  const there = [...Object.values(LENET5), 'mnist'].every((path) => kitchen.has(path))
  if (there && !kitchen.fast) all.push(await digits(kitchen, wanted))
  return all
}

async function signs(kitchen: Kitchen, wanted: number): Promise<Group> {
  const [standard, robust] = await Promise.all(demoModels().map((path) => kitchen.open(path, 'signs')))
  const subjects: Subject[] = [
    { name: 'signs, standard', model: standard!.classifier, kind: 'standard' },
    { name: 'signs, robust', model: robust!.classifier, kind: 'robust' },
    {
      name: `signs, scores × ${FACTOR}`,
      model: await stretched(kitchen, standard!.classifier),
      kind: 'masked',
    },
  ]
  return group('signs', subjects, 8 / 255, standard!.data, wanted)
}

async function digits(kitchen: Kitchen, wanted: number): Promise<Group> {
  const [standard, robust] = await Promise.all(
    Object.values(LENET5).map((path) => kitchen.open(kitchen.find(path), 'mnist', { limit: 4 * wanted })),
  )
  const winners = await taught(kitchen, 'k-wta', {
    network: kWtaCnn({ share: 0.02 }),
    data: await kitchen.training('mnist', { limit: 4000 }),
    epochs: 2,
    rate: 3e-3,
    seed: kitchen.seeds[0]!,
  })
  const subjects: Subject[] = [
    { name: 'digits, standard', model: standard!.classifier, kind: 'standard' },
    { name: 'digits, robust', model: robust!.classifier, kind: 'robust' },
    { name: 'digits, k-winners-take-all', model: winners, kind: 'masked' },
  ]
  return group('digits', subjects, 0.3, standard!.data, wanted)
}

/** The same classifier with all scores a thousand times as large: every answer stays, and the loss has no gradient. */
function stretched({ engine }: Kitchen, model: Target): Promise<Target> {
  const { shape, bounds, classNames } = model
  const x = input('x', 'float32', [-1, ...shape])
  const logits = model.logits!(x).mul(FACTOR)
  return classifier(emitBytes([x], { logits }), { engine, shape, bounds, classNames })
}

/** Pictures from all over the data. */
async function group(
  name: string,
  subjects: readonly Subject[],
  eps: number,
  data: Dataset,
  wanted: number,
): Promise<Group> {
  const looked = Math.min(data.length, 4 * wanted)
  const images = await data.batch(0, looked)
  const said = await Promise.all(subjects.map(({ model }) => answers(model, images)))
  const right = Array.from({ length: looked }, (_, i) => i)
    .filter((i) => said.every((own) => own[i]!.label === data.labels[i]))
    .slice(0, wanted)
  const picked = takeRows(images, right)
  const labels = right.map((i) => data.labels[i]!)
  const { model } = subjects.find(({ kind }) => kind === 'standard')!
  return { name, subjects, eps, images: picked, labels, shown: await firstFooled(model, picked, labels, eps) }
}

async function firstFooled(
  model: Target,
  images: NDArray,
  labels: readonly number[],
  eps: number,
): Promise<number> {
  for (const [i, label] of labels.entries()) {
    const path = await attackPath(model, rows(images, i, i + 1), label, { eps })
    const [last] = await answers(model, rows(path, path.dims[0]! - 1, path.dims[0]!))
    if (last!.label !== label) return i
  }
  return 0
}
