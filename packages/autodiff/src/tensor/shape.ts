/**
 * Shapes in which one dimension may be the batch.
 *
 * A positive number is a static size; −k stands for k times the batch size, so that [−1, 3, 32, 32] is a batch of
 * pictures and [−8, 16] a batch of eight rows each. Products and quotients of sizes are then products and quotients of
 * numbers, and a shape can have at most one factor of the batch in it.
 */
export type Shape = readonly number[]

export class ShapeError extends Error {
  override name = 'ShapeError'
}

/** The shape as a person writes it: `[N, 3, 32, 32]`. */
export function formatShape(shape: Shape): string {
  return `[${shape.map((d) => (d >= 0 ? d : d === -1 ? 'N' : `${-d}N`)).join(', ')}]`
}

/** The number of elements; negative if the batch is a factor. */
export function elements(shape: Shape): number {
  if (shape.filter((d) => d < 0).length > 1)
    throw new ShapeError(`${formatShape(shape)} has the batch in it twice`)
  return shape.reduce((product, d) => product * d, 1)
}

/** The static shape at a given batch size. */
export function atBatch(shape: Shape, batch: number): number[] {
  return shape.map((d) => (d < 0 ? -d * batch : d))
}

/** Index of the dimension that holds the batch, or −1. */
export function batchAxis(shape: Shape): number {
  return shape.findIndex((d) => d < 0)
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((d, i) => d === b[i])
}

/** The common shape of operands under NumPy's broadcasting rules. */
export function broadcastShapes(...shapes: Shape[]): number[] {
  const rank = Math.max(...shapes.map((s) => s.length))
  return Array.from({ length: rank }, (_, i) => {
    let size = 1
    for (const shape of shapes) {
      const d = shape[shape.length - rank + i] ?? 1
      if (d === 1) continue
      if (size !== 1 && size !== d)
        throw new ShapeError(`shapes ${shapes.map(formatShape).join(' and ')} do not broadcast`)
      size = d
    }
    return size
  })
}

/** An axis counted from the front, checked against the rank. */
export function positiveAxis(axis: number, rank: number): number {
  const positive = axis < 0 ? axis + rank : axis
  if (!Number.isInteger(positive) || positive < 0 || positive >= Math.max(rank, 1))
    throw new ShapeError(`axis ${axis} does not exist in a tensor of rank ${rank}`)
  return positive
}

/**
 * The shape that a Reshape to `target` gives: 0 copies the input's dimension (unless `allowZero`), one
 * `null` takes what is left.
 */
export function reshapeTo(shape: Shape, target: readonly (number | null)[]): number[] {
  const total = elements(shape)
  const known = target.reduce<number>((product, d) => product * (d ?? 1), 1)
  const result = target.map((d) => d ?? total / known)
  const holes = target.filter((d) => d === null).length
  if (holes > 1 || elements(result) !== total || !result.every(Number.isInteger))
    throw new ShapeError(
      `${formatShape(shape)} cannot be reshaped to [${target.map((d) => (d === null ? '?' : d < 0 ? formatShape([d]).slice(1, -1) : d)).join(', ')}]`,
    )
  return result
}
