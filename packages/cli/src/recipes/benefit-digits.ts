/** Digits in the format of signs. */
import { float32, type NDArray } from '@saddlepoint/autodiff'

/** [n, 1, 28, 28] → [n, 3, 32, 32]: grey, with a black rim. */
export function asSigns(digits: NDArray): NDArray {
  const n = digits.dims[0]!
  const out = new Float32Array(n * 3 * 32 * 32)
  for (let i = 0; i < n; i++)
    for (let c = 0; c < 3; c++)
      for (let row = 0; row < 28; row++)
        for (let column = 0; column < 28; column++)
          out[((i * 3 + c) * 32 + row + 2) * 32 + column + 2] = Number(
            digits.data[(i * 28 + row) * 28 + column],
          )
  return float32([n, 3, 32, 32], out)
}
