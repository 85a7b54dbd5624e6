import { expect, it } from 'vitest'
import { colour, dash, symbols } from './marks.ts'

const looks = (count: number, of: (slot: number) => string) =>
  new Set(Array.from({ length: count }, (_, slot) => `${colour(slot)} ${of(slot)}`)).size

it('tells 28 lines apart by colour and dash, and 49 categories by colour and symbol', () => {
  expect(looks(28, (slot) => `${dash(slot)}`)).toBe(28)
  expect(looks(49, (slot) => symbols(slot, [[0, 0]]))).toBe(49)
})

it('draws a symbol around its place', () => {
  for (let slot = 0; slot < 7; slot++) {
    const points = [...symbols(slot, [[100, 50]]).matchAll(/[ML](-?[\d.]+) (-?[\d.]+)/g)]
    for (const [, x, y] of points) expect(Math.hypot(Number(x) - 100, Number(y) - 50)).toBeLessThan(11)
  }
})
