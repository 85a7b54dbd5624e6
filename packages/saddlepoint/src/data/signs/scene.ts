/** What stands behind a sign and in front of it: sky, trees, walls, posts; leaves, stickers, snow. */

import type { Random } from '../../random/philox.ts'
import type { Face, Pigment } from './faces.ts'
import { field } from './noise.ts'
import { pictureView, project } from './pose.ts'
import type { Canvas, Colour, Homography } from './raster.ts'
import { arc, type Contour, disc, type Point, polygon, rectangle, regular, stroke } from './shapes.ts'

/** The colour of each pigment on one sign. */
export type Palette = Readonly<Record<Pigment, Colour>>

/** New paint, in linear light; near the chromaticities of retroreflective sheeting (CIE 183:2008), made brighter. */
const fresh: Palette = {
  red: [0.5, 0.018, 0.022],
  blue: [0.006, 0.115, 0.4],
  yellow: [0.8, 0.42, 0.012],
  white: [0.82, 0.82, 0.8],
  black: [0.018, 0.018, 0.02],
}

/** The paint of one sign: each differs a little, and some have faded in the sun. */
export function randomPalette(random: Random): Palette {
  const fade = random.uniform() < 0.25 ? 0.6 * random.uniform() : 0.08 * random.uniform()
  const paint = ([red, green, blue]: Colour): Colour => {
    // Faded paint turns pale, and keeps its lightness better than its hue.
    const pale = 0.2 + 0.55 * (0.3 * red + 0.6 * green + 0.1 * blue)
    const level = Math.exp(0.1 * random.normal())
    const toward = (value: number) =>
      (value + (pale - value) * fade) * level * Math.exp(0.035 * random.normal())
    return [toward(red), toward(green), toward(blue)]
  }
  return {
    red: paint(fresh.red),
    blue: paint(fresh.blue),
    yellow: paint(fresh.yellow),
    white: paint(fresh.white),
    black: paint(fresh.black),
  }
}

/** Paints a face. */
export function drawFace(canvas: Canvas, face: Face, view: Homography, palette: Palette): void {
  for (const { pigment, contours } of face) canvas.draw(contours, view, palette[pigment])
}

const mix = (a: Colour, b: Colour, t: number): Colour => [
  a[0] + (b[0] - a[0]) * t,
  a[1] + (b[1] - a[1]) * t,
  a[2] + (b[2] - a[2]) * t,
]

function pick<T>(random: Random, choices: readonly T[]): T {
  return choices[random.integer(choices.length)]
}

/** Half the width of a post, and how far below the picture's top it begins where it does not cross it all. */
const post = (x: number, top: number, lean: number, half: number): Contour =>
  polygon([
    [x - half, top],
    [x + half, top],
    [x + lean + half, 1.1],
    [x + lean - half, 1.1],
  ])

/** Fills the whole picture with a background. `others` are faces of which a part may show. */
export function drawBackground(canvas: Canvas, random: Random, others: readonly Face[]): void {
  const horizon = random.uniform(0.1, 1.5)
  drawSky(canvas, random)
  const kind = random.integer(4)
  if (kind === 0) drawFoliage(canvas, random, random.uniform(-0.3, 0.6))
  else if (kind === 1) drawBuilding(canvas, random)
  else if (kind === 2) {
    drawBuilding(canvas, random)
    drawFoliage(canvas, random, random.uniform(0.2, 0.9))
  }
  if (horizon < 1) {
    const road = random.uniform(0.05, 0.25)
    const ground: Colour = [road * random.uniform(0.9, 1.1), road, road * random.uniform(0.85, 1.1)]
    const slope = random.uniform(-0.1, 0.1)
    canvas.draw(
      [
        polygon([
          [0, horizon - slope],
          [1, horizon + slope],
          [1, 1.2],
          [0, 1.2],
        ]),
      ],
      pictureView,
      ground,
    )
  }
  const poles = random.integer(3)
  for (let i = 0; i < poles; i++) {
    const colour = mix([0.05, 0.04, 0.03], [0.5, 0.5, 0.5], random.uniform())
    canvas.draw(
      [post(random.uniform(), -0.1, random.uniform(-0.1, 0.1), random.uniform(0.008, 0.04))],
      pictureView,
      colour,
    )
  }
  if (random.uniform() < 0.2) {
    const side = random.uniform() < 0.5 ? 0 : 1
    const view = project(
      [side + random.uniform(-0.12, 0.12), random.uniform(-0.1, 1.1)],
      random.uniform(0.2, 0.4),
      [random.normal() * 20, 0, random.normal() * 5],
    )
    drawFace(canvas, pick(random, others), view, randomPalette(random))
  }
}

const skies: readonly (readonly [Colour, Colour])[] = [
  [
    [0.12, 0.28, 0.7],
    [0.5, 0.65, 0.85],
  ],
  [
    [0.6, 0.62, 0.66],
    [0.8, 0.8, 0.8],
  ],
  [
    [0.3, 0.33, 0.38],
    [0.55, 0.56, 0.58],
  ],
  [
    [0.2, 0.25, 0.45],
    [0.9, 0.6, 0.4],
  ],
]

function drawSky(canvas: Canvas, random: Random): void {
  const { size, planes } = canvas
  const [zenith, low] = pick(random, skies)
  const level = random.uniform(0.5, 1.1)
  const clouds = field(random, size, 2, 3, 0.6)
  const cloudiness = random.uniform(0, 0.9)
  const stretch = random.uniform(0.3, 1.4)
  for (let channel = 0; channel < 3; channel++) {
    for (let p = 0; p < size * size; p++) {
      const height = Math.min((Math.floor(p / size) / size) * stretch, 1)
      const clear = zenith[channel] + (low[channel] - zenith[channel]) * height
      const cloud = Math.max(clouds[p] - 0.5, 0) * 2 * cloudiness
      planes[channel][p] = level * (clear + (0.75 - clear) * cloud)
    }
  }
}

const leaves: readonly (readonly [Colour, Colour])[] = [
  [
    [0.012, 0.03, 0.008],
    [0.16, 0.3, 0.05],
  ],
  [
    [0.02, 0.025, 0.015],
    [0.2, 0.22, 0.1],
  ],
  [
    [0.04, 0.02, 0.008],
    [0.4, 0.2, 0.05],
  ],
  [
    [0.03, 0.025, 0.02],
    [0.3, 0.27, 0.23],
  ],
]

/** Noise that grows denser downward: trees and hedges against whatever is there already. */
function drawFoliage(canvas: Canvas, random: Random, top: number): void {
  const { size, planes } = canvas
  const [dark, light] = pick(random, leaves)
  const edge = field(random, size, 3, 3, 0.7)
  const texture = field(random, size, random.uniform(4, 9), 2, 0.8)
  const contrast = random.uniform(1, 2.4)
  for (let p = 0; p < size * size; p++) {
    const depth = (Math.floor(p / size) / size - top) * 2.5 + (edge[p] - 0.5) * 3
    const opacity = Math.min(Math.max(depth * 3 + 0.5, 0), 1)
    const bright = Math.min(Math.max((texture[p] - 0.5) * contrast + 0.4, 0), 1)
    for (let channel = 0; channel < 3; channel++) {
      const colour = dark[channel] + (light[channel] - dark[channel]) * bright
      planes[channel][p] += (colour - planes[channel][p]) * opacity
    }
  }
}

const walls: readonly Colour[] = [
  [0.45, 0.42, 0.36],
  [0.3, 0.1, 0.06],
  [0.55, 0.45, 0.25],
  [0.25, 0.26, 0.28],
  [0.65, 0.63, 0.6],
  [0.12, 0.1, 0.09],
]

function drawBuilding(canvas: Canvas, random: Random): void {
  const left = random.uniform(-0.6, 0.5)
  const right = left + random.uniform(0.5, 1.4)
  const top = random.uniform(-0.4, 0.5)
  const lean = random.uniform(-0.15, 0.15)
  const view: Homography = [1, 0, 0, lean, 1, 0, random.uniform(-0.2, 0.2), 0, 1]
  const wall = mix(pick(random, walls), [0.4, 0.4, 0.4], random.uniform(0, 0.5))
  canvas.draw([rectangle(left, top, right, 1.6)], view, wall)
  const pitchX = random.uniform(0.12, 0.3)
  const pitchY = random.uniform(0.14, 0.34)
  const fill = random.uniform(0.35, 0.75)
  const windows: Contour[] = []
  for (let y = top + pitchY * 0.3; y < 1.2; y += pitchY) {
    for (let x = left + pitchX * 0.3; x < right - pitchX * fill; x += pitchX)
      windows.push(rectangle(x, y, x + pitchX * fill, y + pitchY * fill))
  }
  const glass = random.uniform() < 0.75 ? random.uniform(0.01, 0.1) : random.uniform(0.4, 0.9)
  canvas.draw(windows, view, [glass, glass * random.uniform(0.9, 1.1), glass * random.uniform(0.9, 1.3)])
}

/** The post that carries the sign, then the sign's edge of bare metal and its shadow on what is behind. */
export function drawMount(canvas: Canvas, random: Random, face: Face, view: Homography): void {
  const grey = random.uniform(0.1, 0.5)
  const half = random.uniform(0.06, 0.13)
  const mounted = random.uniform() < 0.7
  const rim = random.uniform(0.02, 0.06)
  if (mounted) canvas.draw([rectangle(-half, 0, half, 3)], view, [grey, grey, grey])
  const [a, b, c, d, e, f, g, h, i] = view
  const grown = 1 + rim
  const rimView = [a * grown, b * grown, c, d * grown, e * grown, f, g * grown, h * grown, i]
  canvas.draw(face[0].contours, rimView, [grey * 0.7, grey * 0.7, grey * 0.7])
}

/** Lays dirt, and sometimes leaves, stickers, snow, a branch or a post, over the sign. */
export function drawOccluders(canvas: Canvas, random: Random, view: Homography): void {
  if (random.uniform() < 0.3) drawDirt(canvas, random)
  // Half have nothing in front, a third one thing, the rest several.
  const draw = random.uniform()
  const count = draw < 0.5 ? 0 : draw < 0.84 ? 1 : draw < 0.96 ? 2 : 3
  for (let n = 0; n < count; n++) pick(random, occluders)(canvas, random, view)
}

type Occluder = (canvas: Canvas, random: Random, view: Homography) => void

const occluders: readonly Occluder[] = [
  function twig(canvas, random) {
    const [dark, light] = pick(random, leaves)
    const side = random.uniform(0, 2 * Math.PI)
    const from: Point = [0.5 + 0.65 * Math.cos(side), 0.5 + 0.65 * Math.sin(side)]
    const reach = random.uniform(0.25, 0.6)
    const tip: Point = [from[0] + (0.5 - from[0]) * reach, from[1] + (0.5 - from[1]) * reach]
    canvas.draw(stroke([from, tip], 0.02), pictureView, dark)
    const count = 4 + random.integer(9)
    for (let i = 0; i < count; i++) {
      const t = random.uniform()
      const at: Point = [
        from[0] + (tip[0] - from[0]) * t + 0.07 * random.normal(),
        from[1] + (tip[1] - from[1]) * t + 0.07 * random.normal(),
      ]
      const leaf = disc(at, [random.uniform(0.025, 0.075), random.uniform(0.025, 0.075)], 10)
      canvas.draw([leaf], pictureView, mix(dark, light, random.uniform()))
    }
  },
  function pole(canvas, random) {
    const shade = random.uniform(0.02, 0.4)
    const x = random.uniform(0.1, 0.9)
    const width = random.uniform(0.015, 0.05)
    canvas.draw([post(x, -0.1, random.uniform(-0.15, 0.15), width)], pictureView, [shade, shade, shade * 0.9])
  },
  function sticker(canvas, random, view) {
    const x = random.uniform(-0.6, 0.6)
    const y = random.uniform(-0.6, 0.6)
    const width = random.uniform(0.1, 0.32)
    const height = random.uniform(0.1, 0.32)
    const colour: Colour = [random.uniform(0, 0.9), random.uniform(0, 0.9), random.uniform(0, 0.9)]
    canvas.draw([rectangle(x - width, y - height, x + width, y + height)], view, colour)
  },
  function snow(canvas, random, view) {
    const count = 2 + random.integer(5)
    const blobs = Array.from({ length: count }, () =>
      disc(
        [random.uniform(-0.9, 0.9), random.uniform(-1, 0) ** 3 * -1 - 0.95 + random.uniform(0, 0.35)],
        [random.uniform(0.12, 0.4), random.uniform(0.08, 0.25)],
        12,
      ),
    )
    canvas.draw(blobs, view, [0.85, 0.87, 0.92], random.uniform(0.75, 1))
  },
  function graffiti(canvas, random, view) {
    let angle = random.uniform(0, 360)
    const points: Point[] = [[random.uniform(-0.5, 0.5), random.uniform(-0.5, 0.5)]]
    for (let i = 0; i < 5; i++) {
      const from = points[points.length - 1]
      points.push(...arc(from, random.uniform(0.15, 0.35), angle, angle + 30, 1).slice(1))
      angle += random.uniform(40, 140)
    }
    const colour: Colour = [random.uniform(0, 0.5), random.uniform(0, 0.5), random.uniform(0, 0.5)]
    canvas.draw(stroke(points, random.uniform(0.05, 0.11)), view, colour)
  },
  function bullet(canvas, random, view) {
    const hole = regular(6, random.uniform(0.06, 0.16), random.uniform(0, 60))
    const x = random.uniform(-0.6, 0.6)
    const y = random.uniform(-0.6, 0.6)
    canvas.draw([hole.map((v, i) => v + (i & 1 ? y : x))], view, [0.06, 0.04, 0.03])
  },
]

function drawDirt(canvas: Canvas, random: Random): void {
  const { planes } = canvas
  const dirt = field(random, canvas.size, random.uniform(2, 6), 2, 0.7)
  const amount = random.uniform(0.3, 1.2)
  const colour: Colour = [0.12, 0.1, 0.07]
  for (let channel = 0; channel < 3; channel++) {
    const plane = planes[channel]
    for (let p = 0; p < plane.length; p++)
      plane[p] += (colour[channel] - plane[p]) * Math.min(Math.max(dirt[p] - 0.5, 0) * amount, 0.6)
  }
}
