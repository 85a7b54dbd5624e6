/**
 * Pictures by other coordinates than their pixels: the same slope then leads elsewhere. Olah et al. 2017; Mordvintsev, Pezzotti,
 * Schubert, Olah 2018.
 */
import { constant, constantMatrix, float32, matMul, type Tensor } from '@saddlepoint/autodiff'

/**
 * Frequencies [N, C, H, W] to pictures: the Hartley transform along rows and columns (real, orthonormal, its own inverse), each
 * frequency over its size, so that a step costs all scales the same energy.
 *
 * @param decay how fast amplitudes fall with frequency: 1 for natural pictures
 */
export function fromFrequencies(spectrum: Tensor, decay: number): Tensor {
  const [, , height, width] = spectrum.shape as [number, number, number, number]
  const frequency = (i: number, side: number) => Math.min(i, side - i) / side
  const lowest = 1 / Math.max(height, width)
  const scale = constantMatrix(height, width, (i, j) => {
    const size = Math.max(Math.hypot(frequency(i, height), frequency(j, width)), lowest)
    // The root makes a coefficient as large as the wave it stands for.
    return (lowest / size) ** decay * Math.sqrt(height * width)
  })
  return matMul(matMul(hartley(height), spectrum.mul(scale)), hartley(width))
}

/** cos + sin of all products of indices, over the root of the side. */
function hartley(side: number): Tensor {
  return constantMatrix(side, side, (i, j) => {
    const angle = (2 * Math.PI * ((i * j) % side)) / side
    return (Math.cos(angle) + Math.sin(angle)) / Math.sqrt(side)
  })
}

/** A root of the covariance of colours in ImageNet's pictures, its largest column of length 1, as Olah et al. 2017 publish it. */
const COLOURS = [
  [0.26, 0.09, 0.02],
  [0.27, 0.0, -0.05],
  [0.27, -0.09, 0.03],
]

/** Independent colour coordinates [N, 3, H, W] to red, green and blue; pictures with other channels stay as they are. */
export function fromColours(x: Tensor): Tensor {
  const [n, channels, height, width] = x.shape as [number, number, number, number]
  if (channels !== 3) return x
  const largest = Math.max(...[0, 1, 2].map((j) => Math.hypot(...COLOURS.map((row) => row[j]!))))
  const matrix = constant(
    float32(
      [3, 3],
      COLOURS.flat().map((v) => v / largest),
    ),
  )
  return matMul(matrix, x.reshape([n, 3, height * width])).reshape(x.shape)
}
