/**
 * Pictures rotated, shifted, and in the wider set scaled, black where nothing is left of them. Engstrom, Tran, Tsipras, Schmidt,
 * Madry 2019, section 3.
 */
import { gather, type Tensor } from '@saddlepoint/autodiff'
import { linf } from './linf.ts'
import { ballOfParameters } from './parameters.ts'
import type { Perturbation, Place } from './perturbation.ts'
import { extentOf } from './pictures.ts'
import { moved } from './similarity.ts'

/** What goes with a rotation by 30 degrees: 3 of 28 pixels or 24 of 224 along each axis (Table 1), and a tenth in scale. */
const DEGREES = 30
const SHIFT = 3 / 28
const SCALE = 0.1

/**
 * @param p [N, 3]: degrees counter-clockwise, shift to the right and downwards; [N, 4] with scale. All of them in the units of
 *   a rotation: 30 stands for 3/28 of the width or height, or a tenth in scale
 */
function transformed({ x, bounds }: Place, p: Tensor, set: string): Tensor {
  const { channels, height, width } = extentOf(x.shape.slice(1), set)
  const n = x.shape[0]!
  const part = (i: number) => gather(p, i, 1).reshape([n])
  const angle = part(0).mul(Math.PI / 180)
  const right = part(1).mul((SHIFT / DEGREES) * width)
  const down = part(2).mul((SHIFT / DEGREES) * height)
  const scale =
    p.shape[1] === 4
      ? part(3)
          .mul(SCALE / DEGREES)
          .add(1)
      : undefined
  const picture = x.sub(bounds[0]).reshape([n, channels, height, width])
  const motion = { angle, right, down, ...(scale && { scale }) }
  return moved(picture, motion, 'zero').reshape(x.shape).add(bounds[0])
}

const spatial = (name: string, parameters: number): Perturbation => ({
  name,
  reference: 'Engstrom et al. 2019',
  eps: DEGREES,
  unit: 'degrees',
  parametric: true,
  measure: linf.measure,
  around: (place) => ballOfParameters(linf, place, [parameters], (p) => transformed(place, p, name)),
})

/** Rotations by up to eps degrees with shifts; eps 30 allows shifts by 3 of 28 pixels. */
export const rotation = spatial('rotation', 3)
/** The same and scaling, by up to a tenth at eps 30. */
export const similarity = spatial('similarity', 4)
