/** A gradient averaged over shifts of the picture: its convolution with a Gaussian (Dong, Pang, Su, Zhu 2019, section 3.3 and eq. 8). */
import { constantMatrix, matMul, type Tensor } from '@saddlepoint/autodiff'
import { pictureSize } from './picture-size.ts'

/**
 * The kernel is separable, so that rows and columns are convolved by a banded matrix each.
 *
 * @param gradient [N, C, H, W]
 * @param kernel side of the kernel, 2k + 1; its σ is k / √3, as in the paper
 */
export function smoothed(gradient: Tensor, kernel: number): Tensor {
  const { height, width } = pictureSize(gradient, 'a smoothed gradient')
  return matMul(matMul(bands(height, kernel), gradient), bands(width, kernel))
}

/** Convolution of a line with a normalised Gaussian, zeros around it: symmetric, [side, side]. */
function bands(side: number, kernel: number): Tensor {
  const k = (kernel - 1) / 2
  const sigma = k / Math.sqrt(3)
  const weight = (d: number) => (Math.abs(d) > k ? 0 : Math.exp((-d * d) / (2 * sigma * sigma || 1)))
  let total = 0
  for (let d = -k; d <= k; d++) total += weight(d)
  return constantMatrix(side, side, (i, j) => weight(i - j) / total)
}
