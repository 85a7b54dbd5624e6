/**
 * Bilinear resampling with antialiasing, bit for bit as Pillow's `Image.resize(…, BILINEAR)`, which torchvision's
 * `Resize` uses on pictures: published accuracies assume it, and libvips' linear kernel is off by 1.5 grey levels on average.
 */

/** Pillow's fixed point for 8-bit pictures: the product of a weight and 255 fits 32 bits with 2 bits to spare. */
const weightBits = 32 - 8 - 2

interface Taps {
  readonly first: Int32Array
  readonly count: Int32Array
  /** Row i holds the weights of output i, `width` numbers apart. */
  readonly weights: Float64Array
  readonly width: number
}

/** The weights with which each output position sums its inputs: a triangle, widened when shrinking. */
function taps(from: number, to: number, fixedPoint: boolean): Taps {
  const scale = from / to
  const stretch = Math.max(scale, 1)
  const width = Math.ceil(stretch) * 2 + 1
  const first = new Int32Array(to)
  const count = new Int32Array(to)
  const weights = new Float64Array(to * width)
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale
    const low = Math.max(0, Math.trunc(centre - stretch + 0.5))
    const high = Math.min(from, Math.trunc(centre + stretch + 0.5))
    let sum = 0
    for (let k = low; k < high; k++) {
      const weight = Math.max(0, 1 - Math.abs((k - centre + 0.5) / stretch))
      weights[i * width + k - low] = weight
      sum += weight
    }
    for (let k = i * width; k < i * width + high - low; k++) {
      weights[k]! /= sum
      if (fixedPoint) weights[k] = Math.trunc(weights[k]! * (1 << weightBits) + 0.5)
    }
    first[i] = low
    count[i] = high - low
  }
  return { first, count, weights, width }
}

/** Resamples the rows of a plane; `step` and `stride` let the same loop run along columns. */
function pass<T extends Uint8Array | Float32Array>(
  source: T,
  target: T,
  { first, count, weights, width }: Taps,
  lines: number,
  layout: { step: number; sourceLine: number; targetLine: number },
): void {
  const { step, sourceLine, targetLine } = layout
  const bytes = target instanceof Uint8Array
  for (let line = 0; line < lines; line++) {
    for (let i = 0; i < first.length; i++) {
      let at = line * sourceLine + first[i]! * step
      let sum = bytes ? 1 << (weightBits - 1) : 0
      const end = i * width + count[i]!
      for (let k = i * width; k < end; k++, at += step) sum += source[at]! * weights[k]!
      target[line * targetLine + i * step] = bytes ? Math.min(255, Math.max(0, sum >> weightBits)) : sum
    }
  }
}

/**
 * Resizes one plane.
 *
 * @param plane height × width values, row-major: uint8 (0..255, rounded after each pass) or float32
 */
export function resizePlane<T extends Uint8Array | Float32Array>(
  plane: T,
  from: { width: number; height: number },
  to: { width: number; height: number },
): T {
  const empty = (size: number) =>
    (plane instanceof Uint8Array ? new Uint8Array(size) : new Float32Array(size)) as T
  const fixedPoint = plane instanceof Uint8Array
  let current = plane
  if (from.width !== to.width) {
    const next = empty(to.width * from.height)
    const layout = { step: 1, sourceLine: from.width, targetLine: to.width }
    pass(current, next, taps(from.width, to.width, fixedPoint), from.height, layout)
    current = next
  }
  if (from.height !== to.height) {
    const next = empty(to.width * to.height)
    const layout = { step: to.width, sourceLine: 1, targetLine: 1 }
    pass(current, next, taps(from.height, to.height, fixedPoint), to.width, layout)
    current = next
  }
  return current
}
