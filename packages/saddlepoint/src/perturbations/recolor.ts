/**
 * Pictures with every colour replaced by another one nearby, the same wherever it stands: a grid over the colours of CIELUV, each
 * point with a shift. Laidlaw & Feizi 2019, sections 3 and 5: shifts of at most 0.06, a grid of 16 × 32 × 32.
 */
import { clip, slice, type Tensor } from '@saddlepoint/autodiff'
import { ClassifierError } from '../model/errors.ts'
import { fromLuv, toLuv } from './cieluv.ts'
import { interpolate } from './interpolation.ts'
import { linf } from './linf.ts'
import { ballOfParameters } from './parameters.ts'
import type { Perturbation, Place } from './perturbation.ts'
import { extentOf } from './pictures.ts'

const GRID = [16, 32, 32] as const

function recoloured({ x, bounds: [low, high] }: Place, p: Tensor): Tensor {
  const { channels, height, width } = extentOf(x.shape.slice(1), 'recolor')
  if (channels !== 3)
    throw new ClassifierError(`recolor is for pictures of 3 channels (RGB), not for samples of ${channels}`)
  const n = x.shape[0]!
  const rgb = x
    .sub(low)
    .div(high - low)
    .reshape([n, 3, height * width])
  const luv = toLuv(rgb)
  const at = GRID.map((size, i) =>
    slice(luv, [i], [i + 1], [1])
      .reshape([n, height * width])
      .mul(size - 1),
  )
  const changed = fromLuv(luv.add(interpolate(p, at, 'nearest')))
  return clip(changed, 0, 1)
    .mul(high - low)
    .add(low)
    .reshape(x.shape)
}

/** Maps of colours; eps bounds the shift of each coordinate: of L / 100, u / 200 and v / 200. */
export const recolor: Perturbation = {
  name: 'recolor',
  reference: 'Laidlaw & Feizi 2019',
  eps: 0.06,
  unit: 'L / 100, u / 200, v / 200',
  parametric: true,
  measure: linf.measure,
  around: (place) => ballOfParameters(linf, place, [3, ...GRID], (p) => recoloured(place, p)),
}
