/** Auto-PGD's schedule against the paper's table. */
import { describe, expect, test } from 'vitest'
import { checkpoints } from './apgd.ts'

describe('checkpoints', () => {
  test('of 100 steps are those of the paper: 0.22, 0.41, 0.57, 0.70, 0.80, 0.87, 0.93, 0.99', () => {
    expect(checkpoints(100).map((c) => c.at)).toEqual([22, 41, 57, 70, 80, 87, 93, 99])
    expect(checkpoints(100).map((c) => c.span)).toEqual([22, 19, 16, 13, 10, 7, 6, 6])
  })
  // Worked out by hand: spans 8, 7, 6, 5, 4, 3, 2, 2, 2 of 40; 1 throughout of 8.
  test('of other numbers of steps are cut to whole iterations, and at least one apart', () => {
    expect(checkpoints(40).map((c) => c.at)).toEqual([8, 15, 21, 26, 30, 33, 35, 37, 39])
    expect(checkpoints(8).map((c) => c.at)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(checkpoints(1)).toEqual([{ at: 1, span: 1 }])
  })
})
