/** Examples for the report: pictures before and after, with what the untouched model says of each. */
import type { NDArray } from '@saddlepoint/autodiff'
import type { Target } from '../model/target.ts'
import type { EvaluationData } from './options.ts'
import type { GalleryItem } from './result.ts'

/** A verified adversarial. */
export interface Found {
  readonly index: number
  readonly label: number
  readonly norm: string
  readonly eps: number
  readonly attack: string
  /** [1, …] */
  readonly adversarial: NDArray
}

/** Examples of the largest radius of each norm first, at most `count` in all; none for data that are not pictures. */
export async function choosePictures(
  model: Target,
  data: EvaluationData,
  found: readonly Found[],
  count: number,
): Promise<GalleryItem[]> {
  const shape = model.shape.length === 2 ? [1, ...model.shape] : model.shape
  if (shape.length !== 3 || (shape[0] !== 1 && shape[0] !== 3)) return []
  const ordered = found.toSorted((a, b) => b.eps - a.eps || a.index - b.index)
  // Every sample once before any a second time.
  const first = ordered.filter((f, i) => ordered.findIndex((o) => o.index === f.index) === i)
  const chosen = [...first, ...ordered.filter((f) => !first.includes(f))].slice(0, count)
  return Promise.all(
    chosen.map(async ({ index, label, norm, eps, attack, adversarial }): Promise<GalleryItem> => {
      const x = await data.batch(index, index + 1)
      const [before, after] = await Promise.all([model.predict(x), model.predict(adversarial)])
      return {
        index,
        source: data.sources?.[index],
        label,
        norm,
        eps,
        attack,
        shape: shape as [number, number, number],
        original: x.data as Float32Array,
        adversarial: adversarial.data as Float32Array,
        before: model.ranking(before, 0, 5),
        after: model.ranking(after, 0, 5),
      }
    }),
  )
}
