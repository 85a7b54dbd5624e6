/** The loss of one network around one picture: contours with an attack's way across, a surface in space, and who is where. */
import { rows, takeRows } from '@saddlepoint/autodiff'
import { contourPlot, scatter, surface3d } from '@saddlepoint/report'
import {
  attackPath,
  crossEntropy,
  gradientPlane,
  lossSurface,
  margin,
  pathPlane,
  projectOnto,
  samplePlane,
  type LossSurface,
} from 'saddlepoint'
import { idOf } from './measurement.ts'
import type { Figure, Kitchen } from './recipe.ts'
import type { Group, Subject } from './surface-subjects.ts'

const STEPS = 20
const LOSS = 'Cross-entropy'
/** Points along each side of a slice of decisions. */
const DECIDED = 41

export async function figuresOf(kitchen: Kitchen, group: Group): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const subject of group.subjects) {
    kitchen.progress(`drawing ${subject.name}`, figures.length, group.subjects.length * 4)
    figures.push(...(await alongGradient(kitchen, group, subject)))
    if (subject.kind === 'masked' || group.name !== 'signs') continue
    figures.push(await alongPath(kitchen, group, subject), await decisions(group, subject))
  }
  return figures
}

const shownOf = ({ images, labels, shown }: Group) => ({
  sample: rows(images, shown, shown + 1),
  label: labels[shown]!,
})

const axis = (from: number, to: number, count: number) =>
  Array.from({ length: count }, (_, i) => from + ((to - from) * i) / (count - 1))

const points = ({ fast }: Kitchen) => (fast ? 25 : 41)

async function alongGradient(
  kitchen: Kitchen,
  group: Group,
  { name, model, kind }: Subject,
): Promise<Figure[]> {
  const { sample, label } = shownOf(group)
  const { eps } = group
  // The margin has a slope where cross-entropy is flat.
  const plane = await gradientPlane(model, sample, label, { loss: margin, seed: kitchen.seeds[0] })
  const line = axis(-2 * eps, 2 * eps, points(kitchen))
  const [gap, surface] = await Promise.all(
    [margin, crossEntropy].map((loss) => lossSurface(model, plane, label, { x: line, y: line, loss })),
  )
  const places = projectOnto(plane, await attackPath(model, sample, label, { eps, steps: STEPS }))
  const still = places.every(({ x, y }) => Math.hypot(x, y) < 1e-6)
  const axes = {
    x: { title: 'Along the sign of the gradient (Linf)' },
    y: { title: 'Along random signs across it (Linf)' },
  }
  const called = model.classNames?.[label] ?? `class ${label}`
  return [
    {
      name: `${idOf(name)}-contours`,
      caption:
        `${name}: the margin around a picture (${called}), up to twice the radius of ${Number(eps.toFixed(3))} each way. The bold line is where the answer changes. ` +
        (still
          ? `The ${STEPS} steps of PGD find no gradient of the cross-entropy, and do not move.`
          : `The ${STEPS} steps of PGD are seen from above: they leave the plane as the gradient turns.`),
      svg: contourPlot({
        ...axes,
        title: `Margin around a picture: ${name}`,
        grid: gap!,
        valueTitle: 'Best other score less the true one',
        scale: 'signed',
        path: { name: 'PGD', points: places },
        markers: [{ name: 'the picture', ...places[0]! }],
      }),
    },
    {
      name: `${idOf(name)}-surface`,
      caption: `${name}: the cross-entropy over the same plane${kind === 'masked' ? '; mind the scale' : ''}.`,
      svg: surface3d({
        ...axes,
        title: `Loss around a picture: ${name}`,
        grid: surface!,
        valueTitle: LOSS,
        azimuth: 55,
      }),
    },
  ]
}

/** The plane of the two leading principal components of the attack's own iterates. */
async function alongPath(kitchen: Kitchen, group: Group, { name, model }: Subject): Promise<Figure> {
  const { sample, label } = shownOf(group)
  const path = await attackPath(model, sample, label, { eps: group.eps, steps: STEPS })
  const plane = pathPlane(path)
  const places = projectOnto(plane, path)
  const surface = await lossSurface(model, plane, label, {
    x: around(
      places.map((p) => p.x),
      points(kitchen),
    ),
    y: around(
      places.map((p) => p.y),
      points(kitchen),
    ),
  })
  const share = (v: number) => `${(100 * v).toFixed(0)} %`
  return {
    name: `${idOf(name)}-path`,
    caption:
      `${name}: the plane through the last point of PGD and the two leading principal components of its iterates, which hold ` +
      `${share(plane.variance![0])} and ${share(plane.variance![1])} of their variance.`,
    svg: contourPlot({
      title: `Loss along an attack: ${name}`,
      x: { title: 'First principal component (L2)' },
      y: { title: 'Second principal component (L2)' },
      grid: surface,
      valueTitle: LOSS,
      path: { name: 'PGD', points: places },
      markers: [
        { name: 'the picture', ...places[0]! },
        { name: 'its adversarial', ...places.at(-1)! },
      ],
    }),
  }
}

function around(values: readonly number[], count: number): number[] {
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const rim = 0.25 * (high - low)
  return axis(low - rim, high + rim, count)
}

/** Which class is where in the plane through three pictures of different classes. */
async function decisions(group: Group, { name, model }: Subject): Promise<Figure> {
  const { images, labels, shown } = group
  const others = [...new Set(labels)].filter((label) => label !== labels[shown]).slice(0, 2)
  const three = [shown, ...others.map((label) => labels.indexOf(label))]
  const plane = samplePlane(takeRows(images, three))
  const places = projectOnto(plane, takeRows(images, three))
  const across = places.map((p) => p.x)
  const surface = await lossSurface(model, plane, labels[shown]!, {
    x: around(across, DECIDED),
    y: around([0, 1], DECIDED),
  })
  const called = (label: number) => model.classNames?.[label] ?? `class ${label}`
  return {
    name: `${idOf(name)}-decisions`,
    caption:
      `${name}: what it calls the points of the plane through three pictures (${three.map((i) => called(labels[i]!)).join(', ')}), which lie at ` +
      `${places.map(({ x, y }) => `(${x.toFixed(2)}, ${y.toFixed(2)})`).join(', ')}.`,
    svg: scatter({
      title: `Decisions between three pictures: ${name}`,
      x: { title: 'From the first picture to the second' },
      y: { title: 'Towards the third' },
      height: 420,
      categories: classesOf(surface).map((slot) => ({
        name: called(slot),
        slot,
        points: placesOf(surface, slot),
      })),
    }),
  }
}

const classesOf = ({ classes }: LossSurface): number[] =>
  [...new Set(classes.flatMap((row) => [...row]))].toSorted((a, b) => a - b)

const placesOf = ({ x, y, classes }: LossSurface, wanted: number) =>
  classes.flatMap((row, r) => [...row].flatMap((c, i) => (c === wanted ? [{ x: x[i]!, y: y[r]! }] : [])))
