/** Outlines in the plane: polygons, discs, strokes and arrows, as contours that all turn the same way. */

/**
 * A closed outline, as x0, y0, x1, y1, … with y pointing down. Every function here turns it clockwise on the
 * screen, so that contours filled together form their union and never cut holes into one another.
 */
export type Contour = readonly number[]

/** A point, or a direction. */
export type Point = readonly [x: number, y: number]

/** A filled polygon through the points. */
export function polygon(points: readonly Point[]): Contour {
  let area = 0
  points.forEach(([x, y], i) => {
    const [nextX, nextY] = points[(i + 1) % points.length]
    area += x * nextY - nextX * y
  })
  return (area < 0 ? points.toReversed() : points).flat()
}

/** An axis-aligned rectangle. */
export function rectangle(left: number, top: number, right: number, bottom: number): Contour {
  return [left, top, right, top, right, bottom, left, bottom]
}

/**
 * The points of an elliptic arc.
 *
 * @param from in degrees: 0 points right, 90 down
 * @param to in degrees; may lie below `from`, or a full turn beyond it
 */
export function arc(
  centre: Point,
  radius: number | Point,
  from: number,
  to: number,
  segments = Math.max(2, Math.ceil(Math.abs(to - from) / 22)),
): Point[] {
  const [radiusX, radiusY] = typeof radius === 'number' ? [radius, radius] : radius
  return Array.from({ length: segments + 1 }, (_, i) => {
    const angle = ((from + ((to - from) * i) / segments) * Math.PI) / 180
    return [centre[0] + radiusX * Math.cos(angle), centre[1] + radiusY * Math.sin(angle)]
  })
}

/** A filled disc or ellipse. */
export function disc(centre: Point, radius: number | Point, segments = 36): Contour {
  return polygon(arc(centre, radius, 0, 360, segments).slice(1))
}

/** A regular polygon around the origin, its first corner `turn` degrees clockwise from the right. */
export function regular(corners: number, radius: number, turn: number): Contour {
  return polygon(arc([0, 0], radius, turn, turn + 360, corners).slice(1))
}

/** A polygon whose corners are replaced by curves that begin `radius` before each corner. */
export function rounded(points: readonly Point[], radius: number): Contour {
  const curve = points.flatMap((corner, i) => {
    const before = toward(corner, points[(i + points.length - 1) % points.length], radius)
    const after = toward(corner, points[(i + 1) % points.length], radius)
    return [0, 0.25, 0.5, 0.75, 1].map((t): Point => {
      const [a, b, c] = [(1 - t) ** 2, 2 * t * (1 - t), t * t]
      return [a * before[0] + b * corner[0] + c * after[0], a * before[1] + b * corner[1] + c * after[1]]
    })
  })
  return polygon(curve)
}

function toward(from: Point, to: Point, distance: number): Point {
  const length = Math.hypot(to[0] - from[0], to[1] - from[1])
  return [
    from[0] + ((to[0] - from[0]) * distance) / length,
    from[1] + ((to[1] - from[1]) * distance) / length,
  ]
}

/** A line of even width through the points, with round joins and, unless `butt`, round ends. */
export function stroke(points: readonly Point[], width: number, butt = false): Contour[] {
  const half = width / 2
  const contours: Contour[] = []
  points.forEach(([x, y], i) => {
    const end = i === 0 || i === points.length - 1
    if (!(end && butt)) contours.push(disc([x, y], half, 10))
    if (i === points.length - 1) return
    const [nextX, nextY] = points[i + 1]
    const length = Math.hypot(nextX - x, nextY - y)
    const sideX = (-(nextY - y) / length) * half
    const sideY = ((nextX - x) / length) * half
    contours.push([
      x - sideX,
      y - sideY,
      nextX - sideX,
      nextY - sideY,
      nextX + sideX,
      nextY + sideY,
      x + sideX,
      y + sideY,
    ])
  })
  return contours
}

/** A stroke whose last point carries a triangular head that reaches `headLength` beyond it. */
export function arrow(
  points: readonly Point[],
  width: number,
  headLength: number,
  headWidth: number,
): Contour[] {
  const [fromX, fromY] = points[points.length - 2]
  const [x, y] = points[points.length - 1]
  const length = Math.hypot(x - fromX, y - fromY)
  const [alongX, alongY] = [(x - fromX) / length, (y - fromY) / length]
  const half = headWidth / 2
  const head = polygon([
    [x - alongY * half, y + alongX * half],
    [x + alongX * headLength, y + alongY * headLength],
    [x + alongY * half, y - alongX * half],
  ])
  return [...stroke(points, width, true), head]
}

/** Contours turned by `turn` degrees clockwise, scaled, then moved. */
export function place(contours: readonly Contour[], at: Point, scale = 1, turn = 0): Contour[] {
  const cos = scale * Math.cos((turn * Math.PI) / 180)
  const sin = scale * Math.sin((turn * Math.PI) / 180)
  return contours.map((contour) =>
    contour.map((_, i) => {
      const x = contour[i & ~1]
      const y = contour[i | 1]
      return i & 1 ? at[1] + sin * x + cos * y : at[0] + cos * x - sin * y
    }),
  )
}
