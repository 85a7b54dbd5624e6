/**
 * A small picture in linear light and the filling of contours into it, antialiased by the exact area each
 * contour covers of each pixel.
 */

import type { Contour } from './shapes.ts'

/** Red, green and blue in linear light, where 1 is a white surface in full light. */
export type Colour = readonly [red: number, green: number, blue: number]

/** A projective map of the plane, row by row: [x, y, 1] goes to [a b c; d e f; g h i] · [x, y, 1]. */
export type Homography = readonly number[]

/** A square picture of three planes, and the coverage of the shape drawn last. Positions run from 0 to 1. */
export class Canvas {
  readonly size: number
  /** Red, green and blue planes of size², row by row, in linear light. */
  readonly planes: readonly [Float32Array, Float32Array, Float32Array]
  /** The fraction of each pixel that the shape passed last to `cover` covers, in [0, 1]. */
  readonly coverage: Float32Array
  private readonly edges: Float32Array

  constructor(size: number) {
    this.size = size
    const pixels = size * size
    this.planes = [new Float32Array(pixels), new Float32Array(pixels), new Float32Array(pixels)]
    this.coverage = new Float32Array(pixels)
    // Two spare columns take what an edge at the right border spills over.
    this.edges = new Float32Array(size * (size + 2))
  }

  /** Sets `coverage` to that of the union of the contours, seen through `view`. Contours may leave the picture. */
  cover(contours: readonly Contour[], view: Homography): Float32Array {
    const { coverage, edges, size } = this
    const [a, b, c, d, e, f, g, h, i] = view
    edges.fill(0)
    for (const contour of contours) {
      const last = contour.length - 2
      let w = size / (g * contour[last] + h * contour[last + 1] + i)
      let fromX = (a * contour[last] + b * contour[last + 1] + c) * w
      let fromY = (d * contour[last] + e * contour[last + 1] + f) * w
      for (let at = 0; at <= last; at += 2) {
        const px = contour[at]
        const py = contour[at + 1]
        w = size / (g * px + h * py + i)
        const x = (a * px + b * py + c) * w
        const y = (d * px + e * py + f) * w
        addEdge(edges, size, fromX, fromY, x, y)
        fromX = x
        fromY = y
      }
    }
    for (let row = 0; row < size; row++) {
      let winding = 0
      for (let column = 0; column < size; column++) {
        winding += edges[row * (size + 2) + column]
        const area = Math.abs(winding)
        // Rounding leaves a trace of 1e-7 beside long rows of edges; overlapping contours wind twice.
        coverage[row * size + column] = area < 1e-4 ? 0 : area > 1 ? 1 : area
      }
    }
    return coverage
  }

  /** Lays a colour over the picture where `coverage` says so. */
  paint(colour: Colour, opacity = 1): void {
    const { coverage } = this
    const [reds, greens, blues] = this.planes
    const [red, green, blue] = colour
    for (let p = 0; p < coverage.length; p++) {
      const weight = coverage[p] * opacity
      if (weight === 0) continue
      reds[p] += (red - reds[p]) * weight
      greens[p] += (green - greens[p]) * weight
      blues[p] += (blue - blues[p]) * weight
    }
  }

  /** Multiplies the light where `coverage` says so: a shadow for factors below 1. */
  shade(factor: number): void {
    const { coverage } = this
    for (const plane of this.planes)
      for (let p = 0; p < plane.length; p++) plane[p] *= 1 + (factor - 1) * coverage[p]
  }

  /** Covers and paints. */
  draw(contours: readonly Contour[], view: Homography, colour: Colour, opacity = 1): void {
    this.cover(contours, view)
    this.paint(colour, opacity)
  }
}

/**
 * Adds one edge's share to the buffer of area differences: the running sum along a row is then the signed
 * area to the right of all edges, pixel by pixel.
 */
function addEdge(edges: Float32Array, size: number, ax: number, ay: number, bx: number, by: number): void {
  if (ay === by) return
  const direction = ay < by ? 1 : -1
  const topX = ay < by ? ax : bx
  const topY = ay < by ? ay : by
  const bottomX = ay < by ? bx : ax
  const bottomY = ay < by ? by : ay
  if (bottomY <= 0 || topY >= size) return
  const slope = (bottomX - topX) / (bottomY - topY)
  let y = Math.max(topY, 0)
  const end = Math.min(bottomY, size)
  let x = topX + (y - topY) * slope
  for (let row = Math.floor(y); y < end; row++) {
    const nextY = Math.min(row + 1, end)
    const nextX = x + (nextY - y) * slope
    const height = (nextY - y) * direction
    const left = Math.min(Math.max(Math.min(x, nextX), 0), size)
    const right = Math.min(Math.max(Math.max(x, nextX), 0), size)
    const column = Math.floor(left)
    const at = row * (size + 2) + column
    if (right <= column + 1) {
      const beside = (left + right) / 2 - column
      edges[at] += height * (1 - beside)
      edges[at + 1] += height * beside
    } else {
      spread(edges, at, left - column, right - column, height)
    }
    x = nextX
    y = nextY
  }
}

/** An edge that crosses several pixels of one row, from `left` to `right` counted from the first of them. */
function spread(edges: Float32Array, at: number, left: number, right: number, height: number): void {
  const perColumn = height / (right - left)
  const area = (x: number) =>
    x <= left ? 0 : x >= right ? height * (x - (left + right) / 2) : (perColumn * (x - left) ** 2) / 2
  // area(x) is what lies left of x and right of the edge; second differences of it are the buffer's entries.
  let covered = 0
  let before = 0
  for (let column = 0; column < right + 1; column++) {
    const total = area(column + 1)
    const inColumn = total - covered
    edges[at + column] += inColumn - before
    covered = total
    before = inColumn
  }
}
