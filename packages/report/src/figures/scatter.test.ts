import { describe, expect, it } from 'vitest'
import { itIsAFigure, parse } from './figures.test.kit.ts'
import { scatter } from './index.ts'

const codes = (options: object = {}) =>
  scatter({
    title: 'Latent space',
    x: { title: 'z₁' },
    y: { title: 'z₂' },
    categories: [
      { name: 'zero', points: [{ x: 0, y: 0 }, { x: 1, y: Number.NaN }, { x: 0.5, y: 0.2 }], centre: { x: 0.2, y: 0.1 } },
      { name: 'one', points: [{ x: 5, y: 4 }], centre: { x: 5, y: 4 } },
      { name: 'two', points: [{ x: 0.3, y: 0.1 }], centre: { x: 0.2, y: 0.11 } },
    ],
    ...options,
  }) // prettier-ignore

describe('scatter', () => {
  itIsAFigure(codes)

  it('draws the points that are finite and names what has room for its name', () => {
    const root = parse(codes())
    const drawn = [...root.querySelectorAll('.points')].map(
      (path) => path.getAttribute('d')!.match(/M/g)!.length,
    )
    expect(drawn).toEqual([2, 1, 1])
    expect([...root.querySelectorAll('.halo')].map((name) => name.textContent)).toEqual(['zero', 'one'])
  })

  it('draws many points as dots', () => {
    const points = Array.from({ length: 4000 }, (_, index) => ({ x: Math.cos(index), y: Math.sin(index) }))
    const svg = codes({ categories: [{ name: 'a', points }] })
    expect(parse(svg).querySelector('.points')!.getAttribute('d')!.match(/M/g)).toHaveLength(4000)
    expect(svg.length).toBeLessThan(100_000)
  })
})
