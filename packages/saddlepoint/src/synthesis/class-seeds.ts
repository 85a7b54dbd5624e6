/**
 * Where a picture of a class begins: a draw from a Gaussian with the mean and the covariance of the class's training pictures, made
 * small first (Santurkar, Ilyas, Tsipras, Engstrom, Tran, Madry 2019, section 3.1).
 */
import { float32, type NDArray } from '@saddlepoint/autodiff'
import { Random } from '../random/philox.ts'

export interface ClassSeeds {
  /**
   * Draws for classes, [n, …] in [0, 1]: picture i depends on the seed and i alone.
   *
   * @throws RangeError for a class without two pictures
   */
  draw(classes: readonly number[], seed: number): NDArray
}

/**
 * @param images [n, C, H, W] in [0, 1]
 * @param factor by which height and width are made smaller: a mean over squares, given back as squares
 * @throws RangeError if the factor does not divide the sides
 */
export function classSeeds(images: NDArray, labels: ArrayLike<number | bigint>, factor: number): ClassSeeds {
  const [count, channels, height, width] = images.dims as [number, number, number, number]
  if (!(height % factor === 0 && width % factor === 0))
    throw new RangeError(`pictures of ${height} × ${width} cannot be made smaller by ${factor}`)
  const [h, w] = [height / factor, width / factor]
  const small = channels * h * w
  /** Place in the small picture of each value of a whole one. */
  const placeOf = Int32Array.from({ length: channels * height * width }, (_, i) => {
    const [c, rest] = [Math.floor(i / (height * width)), i % (height * width)]
    const [row, column] = [Math.floor(rest / width), rest % width]
    return (c * h + Math.floor(row / factor)) * w + Math.floor(column / factor)
  })
  const byClass = new Map<number, Float64Array[]>()
  for (let i = 0; i < count; i++) {
    const own = new Float64Array(small)
    placeOf.forEach((place, j) => (own[place]! += Number(images.data[i * placeOf.length + j]) / factor ** 2))
    const label = Number(labels[i])
    byClass.set(label, [...(byClass.get(label) ?? []), own])
  }
  const centred = new Map(
    [...byClass].map(([label, own]) => {
      const mean = new Float64Array(small)
      for (const one of own) one.forEach((v, j) => (mean[j]! += v / own.length))
      return [label, { mean, moves: own.map((one) => one.map((v, j) => v - mean[j]!)) }] as const
    }),
  )
  return {
    draw(classes, seed) {
      const data = new Float32Array(classes.length * placeOf.length)
      classes.forEach((label, i) => {
        const own = centred.get(label)
        if (!own || own.moves.length < 2)
          throw new RangeError(
            `class ${label} has ${own?.moves.length ?? 0} pictures to learn from: 2 at least are needed`,
          )
        const random = new Random(seed, i)
        const value = own.mean.slice()
        // Normal weights on the centred pictures: their sum has just the pictures' covariance.
        for (const move of own.moves) {
          const weight = random.normal() / Math.sqrt(own.moves.length - 1)
          move.forEach((v, j) => (value[j]! += weight * v))
        }
        placeOf.forEach(
          (place, j) => (data[i * placeOf.length + j] = Math.min(1, Math.max(0, value[place]!))),
        )
      })
      return float32([classes.length, channels, height, width], data)
    },
  }
}
