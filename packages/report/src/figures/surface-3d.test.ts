import { describe, expect, it } from 'vitest'
import { expectLegible, itIsAFigure, parse, ramp, surface } from './figures.test.kit.ts'
import { surface3d } from './index.ts'

const raised = (options: object = {}) => surface3d({ ...surface, ...options })

describe('surface3d', () => {
  itIsAFigure(raised)

  it('draws each face once, the far ones first, inside of the figure', () => {
    const root = parse(raised())
    const faces = [...root.querySelectorAll('.face')].map((face) =>
      [...face.getAttribute('d')!.matchAll(/[ML](-?[\d.]+) (-?[\d.]+)/g)].map(([, x, y]) => [
        Number(x),
        Number(y),
      ]),
    )
    expect(faces).toHaveLength(64)
    for (const [x, y] of faces.flat()) {
      expect(x).toBeGreaterThan(0)
      expect(x).toBeLessThan(Number(root.getAttribute('width')))
      expect(y).toBeGreaterThan(0)
      expect(y).toBeLessThan(Number(root.getAttribute('height')))
    }
    expect(faces[0]![0]![1]!).toBeLessThan(faces.at(-1)![0]![1]!)
  })

  it.each([[15, 10], [75, 10], [40, 70], [15, 70]])('keeps its texts inside, seen from %i and %i degrees', (azimuth, elevation) => {
    for (const width of [380, 720]) expectLegible(parse(raised({ azimuth, elevation, width })))
  }) // prettier-ignore

  it('leaves out faces without a value and thins what is too fine to be seen', () => {
    const faces = (svg: string) => svg.match(/class="face/g)!.length
    const grid = ramp((x, y) => x + y)
    grid.values[3]![3] = Number.NaN
    expect(faces(raised({ grid, style: 'wireframe' }))).toBe(396)
    expect(faces(raised({ grid: ramp((x) => x, 101) }))).toBeLessThan(2500)
  })
})
