import { describe, expect, it } from 'vitest'
import { itIsAFigure, parse, ramp, surface, texts } from './figures.test.kit.ts'
import { contourPlot } from './index.ts'

const contoured = (options: object = {}) =>
  contourPlot({
    ...surface,
    path: { name: 'PGD', points: [{ x: 0, y: 0 }, { x: 0.5, y: 0.5 }] },
    markers: [{ name: 'clean sample', x: 0, y: 0 }],
    ...options,
  }) // prettier-ignore

describe('contourPlot', () => {
  itIsAFigure(contoured)

  const lines = (svg: string) =>
    [...parse(svg).querySelectorAll('.contour')].map(
      (path) =>
      [...path.getAttribute('d')!.matchAll(/[ML](-?[\d.]+) (-?[\d.]+)/g)].map(([, x, y]) => [Number(x), Number(y)] as const), // prettier-ignore
    )

  it('traces a plane where it is level, and not along the rim of the grid', () => {
    const [line, ...rest] = lines(contoured({ grid: ramp((x) => x), levels: [0] }))
    expect(rest).toHaveLength(0)
    const xs = line!.map(([x]) => x)
    expect(Math.max(...xs) - Math.min(...xs)).toBeLessThan(0.1)
    const ys = line!.map(([, y]) => y)
    expect(Math.max(...ys) - Math.min(...ys)).toBeCloseTo(420, 0)
  })

  it('draws contours of a bowl as ellipses with the right half axes', () => {
    const [ring] = lines(
      contoured({ grid: ramp((x, y) => x * x + 4 * y * y, 81), levels: [0.64], height: 400 }),
    )
    const [xs, ys] = [ring!.map(([x]) => x), ring!.map(([, y]) => y)]
    expect((Math.max(...ys) - Math.min(...ys)) / 400).toBeCloseTo(0.4, 2)
    const root = parse(contoured({ height: 400 }))
    const floor = [...root.querySelectorAll('line.frame')].map((line) => Number(line.getAttribute('x2')) - Number(line.getAttribute('x1'))) // prettier-ignore
    expect((Math.max(...xs) - Math.min(...xs)) / Math.max(...floor)).toBeCloseTo(0.8, 2)
  })

  it('says where it is lowest and highest, and names path and markers', () => {
    const root = parse(contoured())
    expect(root.querySelector('desc')!.textContent).toContain('from 0 at (0, 0) to 3 at (-1, -1)')
    expect(texts(root)).toEqual(expect.arrayContaining(['PGD', 'clean sample', 'Cross-entropy loss', 'Gradient direction (eps)'])) // prettier-ignore
  })

  it('refuses grids that are none', () => {
    expect(() => contoured({ grid: { x: [0], y: [0], values: [[1]] } })).toThrow(/1 × 1 spans no surface/)
    expect(() => contoured({ grid: { x: [0, 0], y: [0, 1], values: [[1, 1], [1, 1]] } })).toThrow(/grid\.x must rise/) // prettier-ignore
    expect(() => contoured({ grid: { x: [0, 1], y: [0, 1], values: [[1, 1], [1]] } })).toThrow(/row 1 of 1 values/) // prettier-ignore
  })
})
