/** Values for tests, drawn so that differences stay on one side of every kink. */
import type { Argument } from './check.test.support.ts'
import type { DataType } from './array.ts'
import type { Shape } from './shape.ts'

/** Draws n values. */
export type Values = (n: number, random: () => number) => readonly number[]

/** Mulberry32 (Tommy Ettinger 2017): a small generator with a seed. */
export function generator(seed: number): () => number {
  let state = (seed * 0x9e3779b9) | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** How far a value stays from a kink: more than the largest step of the differences. */
const MARGIN = 0.05

/** Numbers in [low, high], none near a kink. */
export const real = (shape: Shape, low = -1, high = 1, kinks: readonly number[] = []): Argument => ({
  shape,
  values: (n, random) =>
    Array.from({ length: n }, () => {
      for (;;) {
        const v = low + (high - low) * random()
        if (kinks.every((k) => Math.abs(v - k) > MARGIN)) return v
      }
    }),
})
export const positive = (shape: Shape, low = 0.5, high = 2) => real(shape, low, high)
/** Numbers of both signs, away from 0. */
export const nonzero = (shape: Shape, high = 2) => real(shape, -high, high, [0])

/** Numbers of which no two are close, nor close to 0: for maxima, medians and sorting. */
export const distinct = (shape: Shape): Argument => ({
  shape,
  values: (n, random) => {
    const values = Array.from({ length: n }, (_, i) => (i - Math.floor(n / 2)) * 0.12 + 0.06)
    for (let i = n - 1; i > 0; i--) {
      const j = Math.floor(random() * (i + 1))
      ;[values[i], values[j]] = [values[j]!, values[i]!]
    }
    return values
  },
})

/** Whole numbers from low to high (excluded). */
export const integers = (shape: Shape, low: number, high: number, type: DataType = 'int64'): Argument => ({
  shape,
  type,
  values: (n, random) => Array.from({ length: n }, () => low + Math.floor(random() * (high - low))),
})
/** Given values, from the start again when they run out. */
export const given = (shape: Shape, values: readonly number[], type: DataType = 'float32'): Argument => ({
  shape,
  type,
  values: (n) => Array.from({ length: n }, (_, i) => values[i % values.length]!),
})
/** The same argument written into the graph. */
export const fixed = (argument: Argument): Argument => ({ ...argument, constant: true })
