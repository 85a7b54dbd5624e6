/** The pair of values that an adversarial saliency map ranks first. Papernot et al. 2016, algorithm 3. */
import {
  abs,
  and,
  argMax,
  constant,
  float32,
  floor,
  gatherElements,
  greater,
  slice,
  topK,
  where,
  type Tensor,
} from '@saddlepoint/autodiff'

/** Pairs are sought among so many values: all of a small image, and those of a large one that raise or lower the most. */
const CANDIDATES = 1024
/** Rows of the table of pairs that are looked at together, so that it stays in the processor's cache. */
const BLOCK = 32

/** Places of two values in their sample, [N, 1] each, and whether there is such a pair, bool [N]. */
export interface Pair {
  readonly first: Tensor
  readonly second: Tensor
  readonly exists: Tensor
}

/**
 * The pair with the largest product of gains and losses, both summed over the pair and both positive.
 *
 * @param gain how much each value raises the target's score, [N, d]
 * @param loss how much it lowers all others, [N, d]
 */
export function bestPair(gain: Tensor, loss: Tensor): Pair {
  const places = candidates(gain, loss)
  const [a, b] = places ? [gatherElements(gain, places, 1), gatherElements(loss, places, 1)] : [gain, loss]
  const count = a.shape[1]!
  let best: Ranked | undefined
  for (let from = 0; from < count; from += BLOCK) {
    const height = Math.min(BLOCK, count - from)
    const width = count - from
    const sums = (v: Tensor) =>
      slice(v, [from], [from + height], [1])
        .reshape([v.shape[0]!, height, 1])
        .add(slice(v, [from], [count], [1]).reshape([v.shape[0]!, 1, width]))
    const [gains, losses] = [sums(a), sums(b)]
    const allowed = and(and(greater(gains, 0), greater(losses, 0)), upper(height, width))
    const products = where(allowed, gains.mul(losses), 0).reshape([a.shape[0]!, height * width])
    const at = argMax(products).cast('float32')
    const row = floor(at.div(width))
    const found = {
      value: products.max(1),
      first: row.add(from),
      second: at.sub(row.mul(width)).add(from),
    }
    best = best ? larger(found, best) : found
  }
  const original = (place: Tensor) => {
    const index = place.reshape([a.shape[0]!, 1]).cast('int64')
    return places ? gatherElements(places, index, 1) : index
  }
  return {
    first: original(best!.first),
    second: original(best!.second),
    exists: greater(best!.value, 0),
  }
}

interface Ranked {
  readonly value: Tensor
  readonly first: Tensor
  readonly second: Tensor
}

function larger(a: Ranked, b: Ranked): Ranked {
  const better = greater(a.value, b.value)
  return {
    value: where(better, a.value, b.value),
    first: where(better, a.first, b.first),
    second: where(better, a.second, b.second),
  }
}

/** Pairs are counted once: columns after the row's own. */
function upper(height: number, width: number): Tensor {
  const values = Array.from({ length: height * width }, (_, i) => (i % width > Math.floor(i / width) ? 1 : 0))
  return constant(float32([1, height, width], values)).cast('bool')
}

/** Places of the values worth looking at, int64 [N, CANDIDATES]; none where they all are. */
function candidates(gain: Tensor, loss: Tensor): Tensor | undefined {
  if (gain.shape[1]! <= CANDIDATES) return undefined
  // Each side by its own largest value, for their units differ.
  const share = (v: Tensor) => v.div(abs(v).max(1, true).add(1e-30))
  return topK(share(gain).add(share(loss)), CANDIDATES).indices
}
