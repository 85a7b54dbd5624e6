/** Figures of the Gaussian-mixture VAE recipe: rates against eps, the latent space, and the pictures that got through. */
import { float32, type NDArray } from '@saddlepoint/autodiff'
import { imageGrid, lineChart, type GridImage } from '@saddlepoint/report'
import type { SelectiveFigures } from 'saddlepoint'
import { encodePng } from '../data/index.ts'
import type { Figure } from './recipe.ts'

export type Rates = SelectiveFigures & { readonly eps: number }

export function rateCurves(rates: readonly Rates[]): Figure {
  const series = (name: string, of: 'accuracy' | 'error' | 'rejection') => ({
    name,
    points: rates.map((at) => ({ x: at.eps, y: 100 * at[of] })),
  })
  return {
    name: 'fgsm',
    caption:
      'FGSM on the encoder: as eps grows, what was right is rejected; what is wrong and let through is the error.',
    svg: lineChart({
      title: 'Accuracy, error and rejection under FGSM on the encoder',
      x: { title: 'Linf radius eps' },
      y: { title: 'Share of test images', unit: '%', domain: [0, 100] },
      series: [series('right', 'accuracy'), series('wrong', 'error'), series('rejected', 'rejection')],
    }),
  }
}

export function throughCurves(
  curves: Readonly<Record<string, readonly (readonly [number, number])[]>>,
): Figure {
  return {
    name: 'through',
    caption: 'Attacks that know both thresholds: the share of images that is let through with a wrong class.',
    svg: lineChart({
      title: 'Success of attacks that know both thresholds',
      x: { title: 'Linf radius eps' },
      y: { title: 'Let through', unit: '%', domain: [0, 100] },
      series: Object.entries(curves).map(([name, points]) => ({
        name,
        points: points.map(([x, y]) => ({ x, y: 100 * y })),
      })),
    }),
  }
}

export const rowOf = ({ dims, data }: NDArray, i: number): Float32Array => {
  const size = data.length / dims[0]!
  return Float32Array.from(data.subarray(i * size, (i + 1) * size) as Float32Array)
}

export interface Shown {
  readonly before: Float32Array
  readonly after: Float32Array
  readonly caption: string
}

/** What was attacked above what came of it. */
export function pairs(name: string, title: string, caption: string, shown: readonly Shown[]): Figure {
  const shape = [1, 28, 28] as const
  const image = (pixels: Float32Array, words?: string): GridImage => ({
    pixels,
    shape,
    ...(words !== undefined && { caption: words }),
  })
  return {
    name,
    caption,
    svg: imageGrid({
      title,
      side: 56,
      rows: [
        { title: 'before', images: shown.map((s) => image(s.before)) },
        { title: 'after', images: shown.map((s) => image(s.after, s.caption)) },
      ],
    }),
  }
}

export interface Mistake {
  readonly pixels: Float32Array
  readonly label: number
  readonly found: number
  readonly reject: boolean
}

export function mistakes(all: readonly Mistake[]): Figure {
  const columns = 10
  const rows = Array.from({ length: Math.ceil(all.length / columns) }, (_, r) =>
    all.slice(r * columns, (r + 1) * columns),
  )
  return {
    name: 'mistakes',
    caption:
      'Test digits whose nearest mean is that of another class: what they are, what they were called, and whether that was rejected.',
    svg: imageGrid({
      title: 'Misclassified test digits',
      side: 56,
      rows: rows.map((images) => ({
        images: images.map(({ pixels, label, found, reject }) => ({
          pixels,
          shape: [1, 28, 28] as const,
          caption: `${label} → ${found}`,
          tone: reject ? ('good' as const) : ('bad' as const),
        })),
      })),
    }),
  }
}

/** Pictures of 28 × 28 side by side in rows, as a PNG. */
export function contactSheet(pictures: readonly Float32Array[], columns: number): Promise<Uint8Array> {
  const [side, gap] = [28, 2]
  const width = columns * (side + gap) - gap
  const height = Math.ceil(pictures.length / columns) * (side + gap) - gap
  const sheet = new Float32Array(width * height).fill(1)
  pictures.forEach((picture, i) => {
    const left = (i % columns) * (side + gap)
    const top = Math.floor(i / columns) * (side + gap)
    for (let y = 0; y < side; y++)
      sheet.set(picture.subarray(y * side, (y + 1) * side), (top + y) * width + left)
  })
  return encodePng(float32([1, height, width], sheet))
}

/** Codes one after another, with their classes. */
export interface Codes {
  readonly name: string
  readonly latent: number
  readonly code: readonly number[]
  readonly label: readonly number[]
}

const PANEL = 140
const SPACE = 12

/**
 * For each class the codes that are nearest to its mean: how far along the axis from the mean to the origin they lie, and how far
 * beside it. The circle is the encoder threshold.
 */
export function latentSpace(
  sets: readonly Codes[],
  { separation, thresholds }: { separation: number; thresholds: readonly number[] },
): Figure {
  const columns = 5
  const reach = 1.3 * Math.max(...thresholds)
  const scale = PANEL / 2 / reach
  const place = (v: number) => (PANEL / 2 + v * scale).toFixed(1)
  const panels = thresholds.map((radius, c) => {
    const dots = sets.flatMap(({ latent, code, label }, slot) =>
      label.flatMap((y, i) => {
        if (y !== c) return []
        const own = code.slice(i * latent, (i + 1) * latent)
        const along = own[c]! - separation
        const beside = Math.hypot(...own.map((v, k) => (k === c ? 0 : v)))
        // Which side it is drawn on is that of the next axis.
        const across = Math.sign(own[(c + 1) % latent]!) * beside
        if (Math.max(Math.abs(along), Math.abs(across)) > reach) return []
        return `<circle cx="${place(along)}" cy="${place(across)}" r="1.5" fill="${['#2a6fbb', '#c8502d'][slot]}" fill-opacity="0.5"/>`
      }),
    )
    const [x, y] = [(c % columns) * (PANEL + SPACE), Math.floor(c / columns) * (PANEL + SPACE) + 24]
    const frame = `<rect width="${PANEL}" height="${PANEL}" fill="none" stroke="#999"/><circle cx="${PANEL / 2}" cy="${PANEL / 2}" r="${(radius * scale).toFixed(1)}" fill="none" stroke="#333"/>`
    return `<g transform="translate(${x} ${y})">${frame}${dots.join('')}<text x="6" y="16">${c}</text></g>`
  })
  const width = columns * (PANEL + SPACE)
  const height = Math.ceil(thresholds.length / columns) * (PANEL + SPACE) + 24
  const key = sets
    .map(({ name }, slot) => `<tspan fill="${['#2a6fbb', '#c8502d'][slot]}">● ${name}  </tspan>`)
    .join('')
  const caption =
    'Codes around the mean of each class: to the right away from the origin, up and down beside the axis. The circle is the encoder threshold.'
  return {
    name: 'latent',
    caption,
    svg:
      `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-6 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="12" role="img">` +
      `<title>The latent space around each class</title><rect x="-6" width="100%" height="100%" fill="#fff"/><text y="16">${key}</text>${panels.join('')}</svg>\n`,
  }
}
