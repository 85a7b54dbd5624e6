/** Cases: Resize. */
import type { Case } from '../check.test.support.ts'
import { resizeLinear, upsampleNearest } from '../resize.ts'
import type { Shape } from '../shape.ts'
import { apply, type Attributes } from '../tensor.ts'
import { real } from '../values.test.support.ts'

const N = -1
const resize = (attributes: Attributes, shape: Shape = [N, 2, 4, 5]): Case => ({
  name: `Resize [${shape.join()}] ${JSON.stringify(attributes)}`,
  f: (x) => apply('Resize', [x], attributes),
  args: [real(shape)],
})
const coordinates = [
  'half_pixel',
  'pytorch_half_pixel',
  'half_pixel_symmetric',
  'align_corners',
  'asymmetric',
]
const nearest = ['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil']
const up = { axes: [2, 3], sizes: [7, 9] }
const down = { axes: [2, 3], sizes: [3, 2] }
const scales = { axes: [2, 3], scales: [1.7, 0.6] }

export const resizes: readonly Case[] = [
  ...coordinates.flatMap((coordinate_transformation_mode) =>
    [up, down, scales].flatMap((size) => [
      ...nearest.map((nearest_mode) =>
        resize({ ...size, coordinate_transformation_mode, nearest_mode, mode: 'nearest' }),
      ),
      resize({ ...size, coordinate_transformation_mode, mode: 'linear' }),
      resize({ ...size, coordinate_transformation_mode, mode: 'cubic' }),
    ]),
  ),
  resize({ scales: [1, 1, 2, 2], mode: 'nearest' }, [1, 2, 3, 3]),
  ...[up, down, scales].map((size) =>
    resize({ ...size, mode: 'cubic', exclude_outside: 1, cubic_coeff_a: -0.5 }),
  ),
  ...['linear', 'cubic'].flatMap((mode) =>
    [down, scales, up].map((size) => resize({ ...size, mode, antialias: 1 })),
  ),
  resize({ axes: [2, 3], scales: [2, 3], mode: 'nearest' }),
  resize({ axes: [2, 3], scales: [2, 2], mode: 'linear' }),
  resize({ axes: [2, 3], scales: [0.5, 0.5], mode: 'linear' }),
  resize({ axes: [3], sizes: [1], mode: 'linear', coordinate_transformation_mode: 'pytorch_half_pixel' }),
  resize({ axes: [2], scales: [2], mode: 'nearest' }, [N, 2, 5]),
  resize({ axes: [2], sizes: [8], mode: 'linear' }, [N, 2, 5]),
  resize({ axes: [2, 3, 4], sizes: [4, 5, 2], mode: 'linear' }, [N, 1, 2, 3, 4]),
  resize({ axes: [2, 3, 4], scales: [2, 2, 2], mode: 'nearest' }, [N, 1, 2, 3, 2]),
  resize({ axes: [1, 2], sizes: [6, 3], mode: 'linear' }, [N, 3, 4, 2]),
  { name: 'upsampleNearest', f: (x) => upsampleNearest(x, [2, 2]), args: [real([N, 2, 3, 3])] },
  { name: 'resizeLinear', f: (x) => resizeLinear(x, [5, 2]), args: [real([N, 2, 3, 3])] },
]
