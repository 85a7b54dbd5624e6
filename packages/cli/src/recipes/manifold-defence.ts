/**
 * The robust manifold defence: a digit is replaced by the nearest that a generator draws, and that is classified. Attacks within the
 * generator's range remain, and training against them.
 */
import { compile, rows, type NDArray, type Tensor } from '@saddlepoint/autodiff'
import { imageGrid, type GridImage } from '@saddlepoint/report'
import {
  adversarial,
  crossEntropy,
  ddn,
  latentOf,
  l2,
  measureClaim,
  misclassified,
  overpowered,
  prepare,
  project,
  projecting,
  projectionOf,
  stridedCnn,
  zooField,
  type ClaimResult,
  type Generator,
  type Target,
} from 'saddlepoint'
import { measurement, share, type Measurement } from './measurement.ts'
import { asData } from './obfuscated-zoo.ts'
import type { Figure, Findings, Kitchen } from './recipe.ts'

/** Euclidean distances at which two digits of the range count as neighbours (η). */
const DISTANCES = [0.25, 1]
const SHAPE = [1, 28, 28] as const
const SHOWN = 8

export async function manifoldDefence(kitchen: Kitchen): Promise<Findings> {
  const { fast, engine, signal } = kitchen
  const scale = fast
    ? { training: 3000, attacked: 30, pairs: 50 }
    : { training: 12_000, attacked: 100, pairs: 200 }
  const { images, labels } = await kitchen.training('mnist', { limit: scale.training })
  const test = await kitchen.data('mnist', { limit: Math.max(scale.attacked, scale.pairs) })
  const attacked = {
    ...test,
    length: scale.attacked,
    labels: Array.from(test.labels).slice(0, scale.attacked),
  }
  const claims: ClaimResult[] = []
  const found: Record<'standard' | 'robust', number[][]> = { standard: [], robust: [] }
  const figures: Figure[] = []
  for (const seed of kitchen.seeds) {
    const training = { images, labels }
    const field = zooField({
      engine,
      training,
      held: asData(training),
      fast,
      seed,
      signal,
      onTraining: (what) => kitchen.progress(`training: ${what}`, 0, 1),
    })
    const [plain, generator] = [await field.plain(), await field.generator()]
    const claim = await projecting(field)
    claims.push(await measureClaim(claim, attacked, { seed, signal }))
    // The codes that the encoder gives: where the overpowered attack sets out from.
    const x = await test.batch(0, scale.pairs)
    const codes = await over(engine, x, (t) => generator.encode!(t))
    const perturbation = latentOf({ decode: generator.decode, encode: generator.encode! })
    const robust = await field.trained(
      'network within the range',
      stridedCnn(),
      [4, 3],
      adversarial({ perturbation, eps: 0.5, steps: 5 }),
    )
    for (const [name, model] of Object.entries({ standard: plain, robust })) {
      const counts: number[] = []
      for (const distance of DISTANCES) {
        const result = await overpowered(model, generator, codes, { distance, seed })
        counts.push(result.found)
        if (seed === kitchen.seeds[0] && name === 'standard' && distance === DISTANCES.at(-1) && result.found)
          figures.push(await pairsFigure(model, result.samples, distance))
      }
      found[name as 'standard' | 'robust'].push(counts)
      kitchen.say(
        `seed ${seed}, ${name} network: neighbours of two classes for ${counts.join(' and ')} of ${scale.pairs}`,
      )
    }
    if (seed === kitchen.seeds[0])
      figures.unshift(
        await projectionsFigure(
          plain,
          generator,
          projectionOf(field),
          await test.batch(0, SHOWN),
          Array.from(test.labels).slice(0, SHOWN),
        ),
      )
  }
  const total = scale.pairs * kitchen.seeds.length
  return {
    prose: [
      `A variational autoencoder was trained on ${scale.training} MNIST digits. Before a digit is classified, its decoder's code is looked for by gradient descent whose ` +
        'picture is nearest to it, and that picture is classified instead: what an attack adds to a digit is not drawn.',
      'Against an attack on the classifier alone that works. An attack that knows of it goes through the projection; and the overpowered attack asks whether the idea could work at all: ' +
        'it looks for two pictures that the generator can draw, next to each other, of which the classifier says different classes. However well a projection works, it takes one of them for the other. ' +
        'Codes may wander on the way: where a range is connected, every classifier has a boundary somewhere in it.',
      'Training on the worst pictures near each digit’s code, within the range, is the authors’ remedy in the form of Stutz, Hein, Schiele 2019.',
    ],
    numbers: [
      ...claimed(claims),
      ...DISTANCES.flatMap((distance, i) => overpoweredNumbers(found, distance, i, total)),
    ],
    figures,
    details: { claims, found },
  }
}

function claimed(claims: readonly ClaimResult[]): Measurement[] {
  const total = claims.reduce((sum, r) => sum + r.samples, 0)
  const [claim, left] = (['claimed', 'adaptive'] as const).map((which) =>
    claims.reduce((sum, r) => sum + r[which].standing, 0),
  ) as [number, number]
  const first = claims[0]!
  const where = `classified after projection, L2 ${first.eps.toFixed(2)}`
  return [
    measurement(
      'clean',
      'clean digits classified after projection',
      claims.reduce((s, r) => s + r.cleanAccuracy, 0) / claims.length,
    ),
    share('claimed', `${where}: under ${first.claimed.what}`, claim, total),
    share('adaptive', `${where}: under ${first.adaptive.what}`, left, total, {
      published: 0.55,
      source: 'Athalye, Carlini, Wagner 2018, table 1',
    }),
  ]
}

const overpoweredNumbers = (
  found: Readonly<Record<'standard' | 'robust', readonly (readonly number[])[]>>,
  distance: number,
  i: number,
  total: number,
): Measurement[] =>
  (['standard', 'robust'] as const).map((name) =>
    share(
      `overpowered.${name}.${distance}`,
      `pairs in the range, at most ${distance} apart in L2, that the ${name === 'standard' ? 'network' : 'network trained within the range'} takes for two classes`,
      found[name].reduce((sum, counts) => sum + counts[i]!, 0),
      total,
    ),
  )

async function over(engine: Kitchen['engine'], x: NDArray, f: (x: Tensor) => Tensor): Promise<NDArray> {
  const run = compile(f, { engine, specs: [{ shape: [-1, ...SHAPE] }] })
  try {
    return await run(x)
  } finally {
    await run.release()
  }
}

/** Digits, smallest perturbations of them, and what the projection makes of those. */
async function projectionsFigure(
  plain: Target,
  generator: Generator,
  options: Parameters<typeof project>[2],
  x: NDArray,
  labels: number[],
): Promise<Figure> {
  const attack = await prepare(ddn(), {
    model: plain,
    perturbation: l2,
    criterion: misclassified,
    loss: crossEntropy,
    engine: plain.engine,
  })
  const { adversarials } = await attack.run({
    x,
    labels,
    eps: labels.map(() => 1e9),
    samples: labels.map((_, i) => i),
  })
  await attack.release()
  const projected = await over(plain.engine, adversarials, (t) => project(generator, t, options).sample)
  const row = async (title: string, pictures: NDArray) => ({
    title,
    images: await captioned(plain, pictures, labels),
  })
  return {
    name: 'projections',
    caption:
      'Digits, the smallest perturbations (DDN) that fool the classifier, and the nearest digits that the generator draws.',
    svg: imageGrid({
      title: 'Projection onto the range of a generator',
      rows: [
        await row('Digit', x),
        await row('Adversarial', adversarials),
        await row('Projected', projected),
      ],
    }),
  }
}

async function pairsFigure(
  model: Target,
  [a, b]: readonly [NDArray, NDArray],
  distance: number,
): Promise<Figure> {
  const count = Math.min(SHOWN, a.dims[0]!)
  const [one, other] = [rows(a, 0, count), rows(b, 0, count)]
  return {
    name: 'pairs',
    caption: `Pairs of pictures that the generator draws, at most ${distance} apart, and what the classifier says of them.`,
    svg: imageGrid({
      title: 'Neighbours in the range of the generator',
      rows: [
        { title: 'One', images: await captioned(model, one) },
        { title: 'Other', images: await captioned(model, other) },
      ],
    }),
  }
}

/** Pictures with the class that they are given; marked as right or wrong where that is known. */
async function captioned(model: Target, x: NDArray, labels?: readonly number[]): Promise<GridImage[]> {
  const decided = model.decide(await model.predict(x))
  return decided.map(({ label }, i) => ({
    pixels: (x.data as Float32Array).slice(784 * i, 784 * (i + 1)),
    shape: SHAPE,
    caption: String(label),
    ...(labels && { tone: label === labels[i] ? ('good' as const) : ('bad' as const) }),
  }))
}
