import { describe, expect, it } from 'vitest'
import { itIsAFigure, parse, texts } from './figures.test.kit.ts'
import { imageGrid } from './index.ts'

const pictures = (options: object = {}) => {
  const image = { pixels: new Float32Array(48).fill(0.5), shape: [3, 4, 4] as const }
  return imageGrid({
    title: 'Samples',
    columns: ['first', 'second'],
    rows: [
      { title: 'Original', images: [{ ...image, caption: 'cat 90 %' }, { ...image, caption: 'a caption that is longer than its picture is wide' }] },
      { title: 'Adversarial', images: [{ ...image, caption: 'dog', tone: 'good' }, { ...image, caption: 'cat', tone: 'bad' }] },
    ],
    ...options,
  }) // prettier-ignore
}

describe('imageGrid', () => {
  itIsAFigure(pictures)

  it('holds the pictures, with captions and signs that need no colour', () => {
    const root = parse(pictures())
    const images = [...root.querySelectorAll('image')]
    expect(images).toHaveLength(4)
    for (const image of images) expect(image.getAttribute('href')).toMatch(/^data:image\/png;base64,/)
    expect(texts(root)).toEqual(expect.arrayContaining(['first', 'Original', 'cat 90 %', '✓ dog', '✕ cat']))
  })

  it('refuses what is no picture', () => {
    const image = { pixels: new Float32Array(5), shape: [2, 1, 3] as const }
    expect(() => pictures({ rows: [{ images: [image] }] })).toThrow(/row 0, column 0: 5 values of shape \[2, 1, 3\]/) // prettier-ignore
  })
})
