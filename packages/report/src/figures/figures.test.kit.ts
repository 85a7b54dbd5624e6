/** What holds of every figure, and how the tests look into one. */
import { Window } from 'happy-dom'
import { expect, it } from 'vitest'
import { textWidth } from './text.ts'

const { DOMParser } = new Window()

export const parse = (svg: string) => {
  const root = new DOMParser().parseFromString(svg, 'image/svg+xml').documentElement
  expect(svg).not.toMatch(/NaN|undefined|Infinity/)
  expect(root.querySelector('parsererror')).toBeNull()
  expect(root.localName).toBe('svg')
  return root
}

export type Root = ReturnType<typeof parse>

export const texts = (root: Root) => [...root.querySelectorAll('text')].map((text) => text.textContent)

interface Box {
  readonly words: string
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
}

/** Where upright texts are, by the estimate of their width. */
const boxes = (root: Root): Box[] =>
  [...root.querySelectorAll('text')]
    .filter((text) => text.getAttribute('transform') === null)
    .map((text) => {
      const names = text.getAttribute('class') ?? ''
      const size = Number(text.getAttribute('font-size') ?? (/\bsmall\b/.test(names) ? 12 : 13))
      const width = textWidth(
        text.textContent,
        /\btitle\b/.test(names) ? 15 : size,
        /title|strong/.test(names),
      )
      const [x, y] = [Number(text.getAttribute('x')), Number(text.getAttribute('y'))]
      const anchor = text.getAttribute('text-anchor') ?? 'start'
      const left = x - (anchor === 'middle' ? width / 2 : anchor === 'end' ? width : 0)
      return {
        words: text.textContent,
        left,
        right: left + width,
        top: y - size * 0.78,
        bottom: y + size * 0.22,
      }
    })

export const expectLegible = (root: Root) => {
  const [, , width, height] = root.getAttribute('viewBox')!.split(' ').map(Number) as [number, number, number, number] // prettier-ignore
  // Leaning titles are parallel, and a cell apart; they must end inside.
  for (const text of root.querySelectorAll('[transform^="rotate(-45"]')) {
    const reach = (textWidth(text.textContent, 12) + 12) * Math.SQRT1_2
    expect(Number(text.getAttribute('x')) + reach, text.textContent).toBeLessThanOrEqual(width)
    expect(Number(text.getAttribute('y')) - reach, text.textContent).toBeGreaterThanOrEqual(0)
  }
  const all = boxes(root)
  for (const [index, box] of all.entries()) {
    expect(box.left, box.words).toBeGreaterThanOrEqual(0)
    expect(box.right, box.words).toBeLessThanOrEqual(width)
    expect(box.top, box.words).toBeGreaterThanOrEqual(0)
    expect(box.bottom, box.words).toBeLessThanOrEqual(height)
    for (const other of all.slice(index + 1)) {
      const apart =
        box.right <= other.left ||
        other.right <= box.left ||
        box.bottom <= other.top ||
        other.bottom <= box.top
      expect(apart, `"${box.words}" and "${other.words}"`).toBe(true)
    }
  }
}

const HOSTILE = `<script>alert("1")</script> & 'quotes'`

/** What every kind of figure keeps to. */
export const itIsAFigure = (make: (options?: object) => string): void => {
  it('is complete by itself: named, described, sized, light and dark, without ids or links', () => {
    const root = parse(make({ description: 'What it shows.' }))
    expect(root.getAttribute('role')).toBe('img')
    expect(root.children[0]!.localName).toBe('title')
    expect(root.querySelector('desc')!.textContent).toBe('What it shows.')
    expect(root.querySelector('style')!.textContent).toContain('prefers-color-scheme: dark')
    expect(root.getAttribute('viewBox')).toBe(
      `0 0 ${root.getAttribute('width')} ${root.getAttribute('height')}`,
    )
    expect(root.querySelectorAll('[id], script, a')).toHaveLength(0)
  })

  it('escapes every text', () => {
    const root = parse(make({ title: HOSTILE }))
    expect(root.querySelectorAll('script')).toHaveLength(0)
    expect(root.querySelector('title')!.textContent).toBe(HOSTILE)
  })

  it.each([320, 480, 720, 1100])('keeps its texts apart and inside at %i pixels', (width) => {
    expectLegible(parse(make({ width, title: 'A title that is long enough for more than a single line of 320 pixels' }))) // prettier-ignore
  })
}

/** A function on a square grid from -1 to 1. */
export const ramp = (of: (x: number, y: number) => number, size = 21) => {
  const x = Array.from({ length: size }, (_, index) => -1 + (2 * index) / (size - 1))
  return { x, y: x, values: x.map((row) => x.map((column) => of(column, row))) }
}

export const surface = {
  title: 'Loss surface',
  x: { title: 'Gradient direction', unit: 'eps' },
  y: { title: 'Random direction', unit: 'eps' },
  valueTitle: 'Cross-entropy loss',
  grid: ramp((x, y) => x * x + 2 * y * y, 9),
}
