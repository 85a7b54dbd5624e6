/** The last three steps from picture to model input, inside the graph, so that eps stays in pixel units. */
import {
  concat,
  constant,
  elements,
  float32,
  formatShape,
  slice,
  type Shape,
  type Tensor,
} from '@saddlepoint/autodiff'
import type { Conventions } from './conventions.ts'
import { ClassifierError } from './errors.ts'

/**
 * @param x [N, C, H, W] in [0, 1], RGB (or [N, …] for other data)
 * @param wanted the model's input shape; the layout is brought to it, and flattened if that is what it takes
 */
export function preprocess(x: Tensor, conventions: Conventions, wanted: Shape): Tensor {
  const { inputRange = [0, 1], mean, std, bgr, layout = 'nchw' } = conventions
  const [low, high] = inputRange
  let y = x
  if (bgr)
    y = concat(
      [2, 1, 0].map((c) => slice(y, [c], [c + 1], [1])),
      1,
    )
  if (high - low !== 1) y = y.mul(high - low)
  if (low !== 0) y = y.add(low)
  if (mean) y = y.sub(perChannel(mean, x))
  if (std && std.some((s) => s !== 1))
    y = y.mul(
      perChannel(
        std.map((s) => 1 / s),
        x,
      ),
    )
  if (layout === 'nhwc' && y.rank === 4) y = y.transpose([0, 2, 3, 1])
  return sameSize(y.shape, wanted) ? y.reshape([y.shape[0]!, ...wanted.slice(1)]) : y
}

const sameSize = (a: Shape, b: Shape) => elements(a.slice(1)) === elements(b.slice(1))

function perChannel(values: readonly number[], x: Tensor): Tensor {
  const channels = x.shape[1] ?? 1
  if (values.length !== 1 && values.length !== channels)
    throw new ClassifierError(
      `${values.length} values of mean or std for ${channels} channels of a sample ${formatShape(x.shape.slice(1))}`,
    )
  return constant(float32(values.length === 1 ? [] : [1, channels, ...x.shape.slice(2).map(() => 1)], values))
}
