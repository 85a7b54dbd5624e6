/** Philox4x32-10, a counter-based generator of random numbers (Salmon, Moraes, Dror, Shaw 2011, section 3.3). */

const MULTIPLIER_0 = 0xd2511f53
const MULTIPLIER_1 = 0xcd9e8d57
const WEYL_0 = 0x9e3779b9 | 0
const WEYL_1 = 0xbb67ae85 | 0
const ROUNDS = 10

const M0_LOW = MULTIPLIER_0 & 0xffff
const M0_HIGH = MULTIPLIER_0 >>> 16
const M1_LOW = MULTIPLIER_1 & 0xffff
const M1_HIGH = MULTIPLIER_1 >>> 16

const UNIT_24 = 2 ** -24
const UNIT_32 = 2 ** -32

/** The last counter word of `Random`; `draw` may be anything below it, so the two never share a block. */
const SEQUENTIAL = 0xffffffff

/**
 * Fills `out` with the four 32-bit words of each of the consecutive blocks whose first counter word is
 * `block`, `block + 1`, …
 *
 * The high half of each product is assembled from 16-bit halves: every partial sum stays below 2^32, so
 * 32-bit wrapping is exact and no product ever needs a BigInt or a double.
 */
function fillBlocks(
  out: Uint32Array | Int32Array,
  blocks: number,
  k0: number,
  k1: number,
  block: number,
  c1: number,
  c2: number,
  c3: number,
): void {
  for (let i = 0, at = 0; i < blocks; i++, at += 4) {
    let x0 = (block + i) | 0
    let x1 = c1 | 0
    let x2 = c2 | 0
    let x3 = c3 | 0
    let key0 = k0 | 0
    let key1 = k1 | 0
    for (let round = 0; round < ROUNDS; round++) {
      const x0Low = x0 & 0xffff
      const x0High = x0 >>> 16
      const a1 = (Math.imul(M0_HIGH, x0Low) + (Math.imul(M0_LOW, x0Low) >>> 16)) | 0
      const a2 = (Math.imul(M0_LOW, x0High) + (a1 & 0xffff)) | 0
      const high0 = (Math.imul(M0_HIGH, x0High) + (a1 >>> 16) + (a2 >>> 16)) | 0
      const x2Low = x2 & 0xffff
      const x2High = x2 >>> 16
      const b1 = (Math.imul(M1_HIGH, x2Low) + (Math.imul(M1_LOW, x2Low) >>> 16)) | 0
      const b2 = (Math.imul(M1_LOW, x2High) + (b1 & 0xffff)) | 0
      const high1 = (Math.imul(M1_HIGH, x2High) + (b1 >>> 16) + (b2 >>> 16)) | 0
      const low0 = Math.imul(MULTIPLIER_0, x0)
      const low1 = Math.imul(MULTIPLIER_1, x2)
      x0 = high1 ^ x1 ^ key0
      x1 = low1
      x2 = high0 ^ x3 ^ key1
      x3 = low0
      key0 = (key0 + WEYL_0) | 0
      key1 = (key1 + WEYL_1) | 0
    }
    out[at] = x0
    out[at + 1] = x1
    out[at + 2] = x2
    out[at + 3] = x3
  }
}

/**
 * One block: the bijection of the 128-bit `counter` under the 64-bit `key`, words least significant first.
 *
 * @param out at least 4 long; the first four words are written
 * @returns `out`
 */
export function philox(
  key: readonly [number, number],
  counter: readonly [number, number, number, number],
  out: Uint32Array,
): Uint32Array {
  fillBlocks(out, 1, key[0], key[1], counter[0], counter[1], counter[2], counter[3])
  return out
}

/** What a draw depends on, and all that it depends on: not the batch it stands in, nor the worker. */
export interface DrawAddress {
  /** Seed of the whole run: an integer in [0, 2^53). */
  seed: number
  /** Index of the sample in its data set: an integer in [0, 2^32). */
  sample: number
  /**
   * Iteration of the algorithm: an integer in [0, 2^32).
   * @default 0
   */
  step?: number
  /**
   * Tells several draws of one step apart: an integer in [0, 2^32 − 1).
   * @default 0
   */
  draw?: number
}

/** Words are made in pieces of this many, so that a large `out` needs no buffer of its own size. */
const PIECE = 1024
const piece = new Int32Array(PIECE)

function forWords(
  length: number,
  { seed, sample, step = 0, draw = 0 }: DrawAddress,
  use: (words: Int32Array, from: number, count: number) => void,
): void {
  const seedHigh = Math.floor(seed * UNIT_32)
  for (let from = 0; from < length; from += PIECE) {
    const count = Math.min(PIECE, length - from)
    fillBlocks(piece, (count + 3) >>> 2, seed >>> 0, seedHigh, from >>> 2, sample, step, draw)
    use(piece, from, count)
  }
}

/**
 * Fills `out` with uniform numbers in [0, 1), each a multiple of 2^−24: float32 holds them exactly, so 1 is
 * never reached by rounding.
 *
 * @param out at most 2^34 long
 * @returns `out`
 */
export function fillUniform(out: Float32Array, address: DrawAddress): Float32Array {
  forWords(out.length, address, (words, from, count) => {
    for (let i = 0; i < count; i++) out[from + i] = (words[i] >>> 8) * UNIT_24
  })
  return out
}

/**
 * Fills `out` with standard normal numbers (Box and Muller 1958), two from each pair of words. The largest
 * magnitude possible is 6.7.
 *
 * @param out at most 2^34 long
 * @returns `out`
 */
export function fillNormal(out: Float32Array, address: DrawAddress): Float32Array {
  const { length } = out
  forWords(length + (length & 1), address, (words, from, count) => {
    for (let i = 0; i < count; i += 2) {
      const radius = radiusOf(words[i])
      const angle = angleOf(words[i + 1])
      out[from + i] = radius * Math.cos(angle)
      // A typed array ignores the write past its end that an odd length leads to.
      out[from + i + 1] = radius * Math.sin(angle)
    }
  })
  return out
}

/** The half added to the word keeps the logarithm's argument inside (0, 1). */
function radiusOf(word: number): number {
  return Math.sqrt(-2 * Math.log(((word >>> 0) + 0.5) * UNIT_32))
}

function angleOf(word: number): number {
  return 2 * Math.PI * UNIT_32 * (word >>> 0)
}

/** How many words a sequential generator makes at once; a multiple of 4. */
const BUFFER = 64

/**
 * A sequence of random numbers, for code that draws one number after another. Two of them with different
 * `seed` or `stream` are independent; neither overlaps what `fillUniform` and `fillNormal` give.
 */
export class Random {
  private readonly words = new Uint32Array(BUFFER)
  private readonly seed: number
  private readonly stream: number
  private at = BUFFER
  private block = 0
  private spare: number | undefined

  /**
   * @param seed an integer in [0, 2^53)
   * @param stream an integer in [0, 2^53), for instance a sample's index
   */
  constructor(seed: number, stream = 0) {
    this.seed = seed
    this.stream = stream
  }

  /** The next 32 bits, as an integer in [0, 2^32). */
  word(): number {
    if (this.at === BUFFER) {
      const { seed, stream } = this
      fillBlocks(
        this.words,
        BUFFER / 4,
        seed >>> 0,
        Math.floor(seed * UNIT_32),
        this.block,
        stream >>> 0,
        Math.floor(stream * UNIT_32),
        SEQUENTIAL,
      )
      this.block += BUFFER / 4
      this.at = 0
    }
    return this.words[this.at++]
  }

  /** A number in [`low`, `high`), by default [0, 1), with 32 bits of resolution. */
  uniform(low = 0, high = 1): number {
    return low + (high - low) * UNIT_32 * this.word()
  }

  /** A standard normal number (Box and Muller 1958). */
  normal(): number {
    if (this.spare !== undefined) {
      const value = this.spare
      this.spare = undefined
      return value
    }
    const radius = radiusOf(this.word())
    const angle = angleOf(this.word())
    this.spare = radius * Math.sin(angle)
    return radius * Math.cos(angle)
  }

  /**
   * An integer in [0, n), each equally likely.
   *
   * @param n an integer in [1, 2^32]
   * @throws RangeError if `n` is not such an integer
   */
  integer(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > 2 ** 32)
      throw new RangeError(`Random.integer: n must be an integer from 1 to 2^32, got ${n}`)
    // Words above the largest multiple of n would favour the small remainders.
    const fair = 2 ** 32 - (2 ** 32 % n)
    let word = this.word()
    while (word >= fair) word = this.word()
    return word % n
  }
}
