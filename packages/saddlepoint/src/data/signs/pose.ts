/** Where the sign stands: a flat square turned in space and seen through a pinhole. */

import type { Random } from '../../random/philox.ts'
import type { Homography } from './raster.ts'

/** Distance from the camera to the sign in half-widths of the sign: near enough that a turn shows. */
const DISTANCE = 4.5

/** Maps contours given in picture coordinates, 0 to 1 from the top left. */
export const pictureView: Homography = [1, 0, 0, 0, 1, 0, 0, 0, 1]

/**
 * The projection of a square from −1 to 1 around its centre.
 *
 * @param centre in picture coordinates
 * @param reach half the square's width in the picture, when it faces the camera
 * @param turns yaw, pitch and roll in degrees
 */
export function project(
  centre: readonly [number, number],
  reach: number,
  turns: readonly [yaw: number, pitch: number, roll: number],
): Homography {
  const [yaw, pitch, roll] = turns.map((degrees) => (degrees * Math.PI) / 180)
  const [cy, sy, cp, sp, cr, sr] = [yaw, pitch, roll].flatMap((t) => [Math.cos(t), Math.sin(t)])
  // The first two columns of Rz(roll) · Ry(yaw) · Rx(pitch): the face has no depth of its own.
  const xx = cr * cy
  const xy = cr * sy * sp - sr * cp
  const yx = sr * cy
  const yy = sr * sy * sp + cr * cp
  const wx = -sy / DISTANCE
  const wy = (cy * sp) / DISTANCE
  const [x, y] = centre
  return [reach * xx + x * wx, reach * xy + x * wy, x, reach * yx + y * wx, reach * yy + y * wy, y, wx, wy, 1]
}

/** A pose as a detector's crop shows it: 60 to 94 % of the picture's width, seldom cut by the border. */
export function randomPose(random: Random): Homography {
  const reach = 0.47 - 0.17 * random.uniform() ** 1.3
  const slack = 0.5 - reach
  const centre = [
    0.5 + random.uniform(-1, 1) * (slack + 0.015),
    0.5 + random.uniform(-1, 1) * (slack + 0.015),
  ] as const
  // One in ten stands crooked or is passed close by.
  const strain = random.uniform() < 0.1 ? 1.8 : 1
  return project(centre, reach, [
    clamped(random.normal() * 17 * strain, 48),
    clamped(random.normal() * 9 * strain, 26),
    clamped(random.normal() * 5 * strain, 20),
  ])
}

function clamped(value: number, limit: number): number {
  return Math.min(Math.max(value, -limit), limit)
}
