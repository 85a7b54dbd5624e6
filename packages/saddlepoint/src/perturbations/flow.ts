/**
 * Pictures whose pixels come from places nearby: a flow field, sampled between pixels. Xiao, Zhu, Li, He, Liu, Song 2018,
 * section 3.1; with a bound on the flow as in Laidlaw, Singla & Feizi 2021, whose StAdv attack allows 0.05.
 */
import { constantMatrix, gather, type Tensor } from '@saddlepoint/autodiff'
import { interpolate } from './interpolation.ts'
import { linf } from './linf.ts'
import { ballOfParameters } from './parameters.ts'
import type { Perturbation } from './perturbation.ts'
import { extentOf } from './pictures.ts'

/** The flow [N, 2, H, W] in pixels, rows first. */
export function inPixels(p: Tensor): Tensor {
  const [, , height, width] = p.shape as [number, number, number, number]
  const halves = constantMatrix(2, 1, (i) => (i ? width : height) / 2)
  return p.mul(halves.reshape([1, 2, 1, 1]))
}

function flowed(x: Tensor, p: Tensor): Tensor {
  const { channels, height, width } = extentOf(x.shape.slice(1), 'flow')
  const n = x.shape[0]!
  const shift = inPixels(p).reshape([n, 2, height * width])
  const from = [
    gather(shift, 0, 1).add(constantMatrix(1, height * width, (_, k) => Math.floor(k / width))),
    gather(shift, 1, 1).add(constantMatrix(1, height * width, (_, k) => k % width)),
  ]
  return interpolate(x.reshape([n, channels, height, width]), from, 'nearest').reshape(x.shape)
}

/** Flow fields; eps bounds each pixel's shift along each axis, in halves of the side: 0.05 is 0.8 of 32 pixels. */
export const flow: Perturbation = {
  name: 'flow',
  reference: 'Xiao et al. 2018; Laidlaw et al. 2021',
  eps: 0.05,
  unit: 'halves of the side',
  parametric: true,
  measure: linf.measure,
  around(place) {
    const { height, width } = extentOf(place.x.shape.slice(1), 'flow')
    return ballOfParameters(linf, place, [2, height, width], (p) => flowed(place.x, p))
  },
}
