/** What the score loses where a window hides the sample, spread over the window. Zeiler & Fergus 2014, section 4.2. */
import { and, constantMatrix, floor, greaterOrEqual, less, where, type Tensor } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { like } from '../perturbations/norms.ts'
import { baselineOf, baselineOption } from './baselines.ts'
import { explanation } from './explanation.ts'

const share = 1 / 8

export const occlusion = explanation({
  name: 'occlusion',
  reference: 'Zeiler & Fergus 2014, section 4.2',
  unit: 'part',
  options: z.object({
    window: z
      .number()
      .int()
      .min(1)
      .optional()
      .describe('side of the window; an eighth of the longer side if absent'),
    stride: z
      .number()
      .int()
      .min(1)
      .optional()
      .describe('way from one window to the next; half a window if absent'),
    baseline: baselineOption('grey'),
  }),
  terms(options, shape) {
    const { rows, columns } = grid(shape, options)
    return rows * columns
  },
  term(scope, number, options) {
    const { x, score } = scope
    const { columns, window, stride, height, width } = grid(x.shape.slice(1), options)
    const row = floor(number.div(columns))
    const top = row.mul(stride)
    const left = number.sub(row.mul(columns)).mul(stride)
    const within = (place: Tensor, from: Tensor) => {
      const begin = like(from, x)
      return and(greaterOrEqual(place, begin), less(place, begin.add(window)))
    }
    const across = within(constantMatrix(1, width, (_, j) => j).reshape([width]), left)
    const hidden =
      x.rank > 2
        ? and(
            within(
              constantMatrix(height, 1, (i) => i),
              top,
            ),
            across,
          )
        : across
    const loss = score(x).sub(score(where(hidden, baselineOf(scope, options.baseline), x)))
    const covered = hidden.cast('float32')
    return { loss: covered.mul(like(loss, covered)), count: covered }
  },
  // Where windows overlap, their mean; where none reaches, nothing is known to matter.
  finish: (_, { loss, count }) => ({ attribution: where(greaterOrEqual(count!, 1), loss!.div(count!), 0) }),
})

/** How windows lie on a sample [C, H, W], [H, W] or [D]: the last ones are cut off at the border. */
function grid(
  shape: readonly number[],
  {
    window: given,
    stride: step,
  }: { readonly window?: number | undefined; readonly stride?: number | undefined },
) {
  const [width = 1, height = 1] = shape.toReversed()
  const window = given ?? Math.max(1, Math.round(Math.max(width, height) * share))
  const stride = step ?? Math.max(1, Math.floor(window / 2))
  const places = (side: number) => Math.max(0, Math.ceil((side - window) / stride)) + 1
  return { window, stride, height, width, rows: places(height), columns: places(width) }
}
