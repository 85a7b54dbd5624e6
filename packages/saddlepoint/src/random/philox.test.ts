import { describe, expect, test } from 'vitest'
import { type DrawAddress, fillNormal, fillUniform, philox, Random } from './philox.ts'

const hex = (words: Uint32Array) => Array.from(words, (w) => w.toString(16).padStart(8, '0')).join(' ')

const first = (address: DrawAddress) => fillUniform(new Float32Array(4), address).join()
const sequence = (seed: number, stream: number) => {
  const random = new Random(seed, stream)
  return Array.from({ length: 100 }, () => random.uniform()).join()
}

describe('philox', () => {
  // The known answers published with Random123 (tests/kat_vectors, philox4x32 10).
  const ones = 0xffffffff
  test.each([
    ['zeros', [0, 0], [0, 0, 0, 0], '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
    ['ones', [ones, ones], [ones, ones, ones, ones], '408f276d 41c83b0e a20bc7c6 6d5451fd'],
    [
      'digits of pi',
      [0xa4093822, 0x299f31d0],
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      'd16cfe09 94fdcceb 5001e420 24126ea1',
    ],
  ] as const)('known answer: %s', (_, key, counter, answer) => {
    expect(hex(philox(key, counter, new Uint32Array(4)))).toBe(answer)
  })
})

describe('fillUniform', () => {
  test('the words of consecutive blocks, cut to 24 bits', () => {
    const seed = 5 * 2 ** 32 + 7
    const out = fillUniform(new Float32Array(5000), { seed, sample: 3, step: 2, draw: 1 })
    for (const i of [0, 1, 2, 3, 4, 1023, 1024, 4999]) {
      const words = philox([7, 5], [i >>> 2, 3, 2, 1], new Uint32Array(4))
      expect(out[i]).toBe((words[i & 3] >>> 8) / 2 ** 24)
    }
  })

  test('a shorter fill is a prefix of a longer one', () => {
    const address = { seed: 1, sample: 9 }
    const long = fillUniform(new Float32Array(2051), address)
    expect(fillUniform(new Float32Array(1027), address)).toEqual(long.subarray(0, 1027))
  })

  test('every part of the address matters', () => {
    const addresses = [
      { seed: 0, sample: 0 },
      { seed: 1, sample: 0 },
      { seed: 2 ** 32, sample: 0 },
      { seed: 0, sample: 1 },
      { seed: 0, sample: 0, step: 1 },
      { seed: 0, sample: 0, draw: 1 },
    ]
    expect(new Set(addresses.map(first)).size).toBe(addresses.length)
  })

  test('mean, variance and range', () => {
    const n = 1e6
    const out = fillUniform(new Float32Array(n), { seed: 42, sample: 0 })
    let sum = 0
    let squares = 0
    let lowest = 1
    let highest = 0
    for (const u of out) {
      sum += u
      squares += u * u
      lowest = Math.min(lowest, u)
      highest = Math.max(highest, u)
    }
    // Five standard errors: 1/sqrt(12 n) for the mean.
    expect(Math.abs(sum / n - 0.5)).toBeLessThan(5 / Math.sqrt(12 * n))
    expect(Math.abs(squares / n - 1 / 3)).toBeLessThan(5 * Math.sqrt(4 / 45 / n))
    expect(lowest).toBeGreaterThanOrEqual(0)
    expect(lowest).toBeLessThan(1e-4)
    expect(highest).toBeLessThan(1)
    expect(highest).toBeGreaterThan(1 - 1e-4)
  })
})

describe('fillNormal', () => {
  test('the first four moments', () => {
    const n = 1e6
    const out = fillNormal(new Float32Array(n), { seed: 42, sample: 0 })
    const moment = (power: number) => out.reduce((sum, v) => sum + v ** power, 0) / n
    expect(Math.abs(moment(1))).toBeLessThan(5 / Math.sqrt(n))
    expect(Math.abs(moment(2) - 1)).toBeLessThan(5 * Math.sqrt(2 / n))
    expect(Math.abs(moment(3))).toBeLessThan(5 * Math.sqrt(15 / n))
    expect(Math.abs(moment(4) - 3)).toBeLessThan(5 * Math.sqrt(96 / n))
  })

  test('an odd length is a prefix of the even one', () => {
    const address = { seed: 3, sample: 4, step: 5, draw: 6 }
    const even = fillNormal(new Float32Array(1026), address)
    expect(fillNormal(new Float32Array(1025), address)).toEqual(even.subarray(0, 1025))
    expect(even.every(Number.isFinite)).toBe(true)
  })
})

describe('Random', () => {
  test('repeats with its seed and stream, and differs with either', () => {
    expect(sequence(1, 2)).toBe(sequence(1, 2))
    expect(new Set([sequence(1, 2), sequence(1, 3), sequence(2, 2), sequence(1, 2 + 2 ** 32)]).size).toBe(4)
  })

  test('integers are uniform', () => {
    const random = new Random(7)
    const counts = Array.from({ length: 7 }, () => 0)
    for (let i = 0; i < 70_000; i++) counts[random.integer(7)]++
    const chiSquare = counts.reduce((sum, c) => sum + (c - 10_000) ** 2 / 10_000, 0)
    // The 99.99 % point of chi-square with 6 degrees of freedom.
    expect(chiSquare).toBeLessThan(27.9)
  })

  test.each([0, -1, 1.5, 2 ** 33, NaN])('integer(%s) throws', (n) => {
    expect(() => new Random(1).integer(n)).toThrow(RangeError)
  })

  test('normal numbers have mean 0 and variance 1', () => {
    const random = new Random(8)
    const n = 100_000
    let sum = 0
    let squares = 0
    for (let i = 0; i < n; i++) {
      const v = random.normal()
      sum += v
      squares += v * v
    }
    expect(Math.abs(sum / n)).toBeLessThan(5 / Math.sqrt(n))
    expect(Math.abs(squares / n - 1)).toBeLessThan(5 * Math.sqrt(2 / n))
  })
})
