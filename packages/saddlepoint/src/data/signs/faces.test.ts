import { describe, expect, test } from 'vitest'
import { type Face, faces } from './faces.ts'
import { text } from './glyphs.ts'
import { project } from './pose.ts'
import { Canvas } from './raster.ts'
import { drawFace, type Palette } from './scene.ts'

const palette: Palette = {
  red: [0.5, 0, 0],
  blue: [0, 0.1, 0.5],
  yellow: [0.8, 0.5, 0],
  white: [0.9, 0.9, 0.9],
  black: [0, 0, 0],
}

const draw = (face: Face) => {
  const canvas = new Canvas(32)
  drawFace(canvas, face, project([0.5, 0.5], 0.45, [0, 0, 0]), palette)
  return canvas.planes
}

describe.each(Object.entries(faces))('%s', (name, face) => {
  test('its outline fills the square from −1 to 1 and holds every coat', () => {
    const extents = face.map(({ contours }) => Math.max(...contours.flat().map(Math.abs)))
    expect(extents[0]).toBeGreaterThan(0.9)
    expect(extents[0]).toBeLessThan(1.001)
    for (const extent of extents) expect(extent).toBeLessThanOrEqual(extents[0])
  })

  test('differs from every other in contrast and in area', () => {
    const own = draw(face)
    for (const [other, otherFace] of Object.entries(faces)) {
      if (other === name) continue
      const planes = draw(otherFace)
      let changed = 0
      for (let p = 0; p < 1024; p++)
        if (own.some((plane, channel) => Math.abs(plane[p] - planes[channel][p]) > 0.25)) changed++
      // The speed limits are the closest: about a digit's worth of pixels.
      expect(changed, other).toBeGreaterThan(20)
    }
  })
})

test('text throws for a character without a glyph', () => {
  expect(() => text('4', 1, 1, 0.1, 0.1)).toThrow("no glyph for '4'")
})
