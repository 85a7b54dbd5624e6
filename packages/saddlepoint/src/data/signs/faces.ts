/** The faces of the signs, in coordinates where every outline just fills the square from −1 to 1, y down. */

import { text } from './glyphs.ts'
import {
  arc,
  arrow,
  type Contour,
  disc,
  place,
  type Point,
  polygon,
  rectangle,
  regular,
  rounded,
  stroke,
} from './shapes.ts'

/** The pigments a face is painted with. */
export type Pigment = 'red' | 'blue' | 'yellow' | 'white' | 'black'

/** One coat of paint, applied over those before it. */
export interface Coat {
  readonly pigment: Pigment
  readonly contours: readonly Contour[]
}

/** A sign's face: its coats from the bottom up. The first covers the whole sign, and so is its outline. */
export type Face = readonly Coat[]

const coat = (pigment: Pigment, ...contours: readonly Contour[]): Coat => ({ pigment, contours })
const scaled = (points: readonly Point[], centre: Point, scale: number): Point[] =>
  points.map(([x, y]) => [centre[0] + (x - centre[0]) * scale, centre[1] + (y - centre[1]) * scale])

const upright: Point[] = [
  [0, -0.98],
  [1, 0.8],
  [-1, 0.8],
]
const uprightCentre: Point = [0, 0.21]
const inverted: Point[] = [
  [0, 0.98],
  [1, -0.8],
  [-1, -0.8],
]

/** A car seen from behind, one unit wide. */
const car: Contour[] = [
  polygon([
    [-0.5, 0.1],
    [-0.42, -0.04],
    [-0.3, -0.36],
    [0.3, -0.36],
    [0.42, -0.04],
    [0.5, 0.1],
    [0.5, 0.4],
    [-0.5, 0.4],
  ]),
  rectangle(-0.47, 0.35, -0.26, 0.58),
  rectangle(0.26, 0.35, 0.47, 0.58),
]
const carWindow: Contour = polygon([
  [-0.27, -0.02],
  [-0.2, -0.24],
  [0.2, -0.24],
  [0.27, -0.02],
])

/** A person walking to the left, one unit high. */
const walker: Contour[] = [
  disc([0.02, -0.42], 0.095, 14),
  ...stroke(
    [
      [0, -0.24],
      [0.01, 0.08],
    ],
    0.17,
  ),
  ...stroke(
    [
      [0, 0.06],
      [-0.1, 0.24],
      [-0.2, 0.5],
    ],
    0.09,
  ),
  ...stroke(
    [
      [0.02, 0.06],
      [0.12, 0.26],
      [0.24, 0.47],
    ],
    0.09,
  ),
  ...stroke(
    [
      [-0.03, -0.26],
      [-0.17, -0.1],
      [-0.26, 0],
    ],
    0.07,
  ),
  ...stroke(
    [
      [0.04, -0.26],
      [0.17, -0.1],
      [0.22, 0.04],
    ],
    0.07,
  ),
]

/** A person digging into a heap to the right, about one unit high. */
const digger: Contour[] = [
  disc([-0.06, -0.45], 0.1, 14),
  ...stroke(
    [
      [-0.12, -0.26],
      [-0.28, 0.04],
    ],
    0.2,
  ),
  ...stroke(
    [
      [-0.28, 0.06],
      [-0.14, 0.24],
      [-0.2, 0.5],
    ],
    0.11,
  ),
  ...stroke(
    [
      [-0.3, 0.06],
      [-0.4, 0.26],
      [-0.5, 0.5],
    ],
    0.11,
  ),
  ...stroke(
    [
      [-0.1, -0.26],
      [0.02, -0.06],
      [0.12, 0.1],
    ],
    0.08,
  ),
  ...stroke(
    [
      [-0.22, -0.06],
      [0.34, 0.32],
    ],
    0.06,
  ),
  polygon([
    [0.08, 0.55],
    [0.36, 0.14],
    [0.68, 0.55],
  ]),
]

const speedLimit = (limit: string): Face => [
  coat('red', disc([0, 0], 1)),
  coat('white', disc([0, 0], 0.78)),
  coat('black', ...text(limit, 0.8, 0.4, 0.16, 0.26)),
]

const mandatory = (...symbol: Contour[]): Face => [
  coat('white', disc([0, 0], 1)),
  coat('blue', disc([0, 0], 0.95)),
  coat('white', ...symbol),
]

const warning = (...symbol: Coat[]): Face => [
  coat('red', rounded(upright, 0.18)),
  coat('white', rounded(scaled(upright, uprightCentre, 0.7), 0.08)),
  ...symbol,
]

const roundaboutArrow = arrow(arc([0, 0], 0.5, 200, 272, 5), 0.2, 0.3, 0.5)

/** Every sign by the name of its class, in the order of the labels. */
export const faces: Readonly<Record<string, Face>> = {
  stop: [
    coat('white', regular(8, 1.08, 22.5)),
    coat('red', regular(8, 1, 22.5)),
    coat('white', ...text('STOP', 0.6, 0.27, 0.12, 0.19)),
  ],
  yield: [
    coat('red', rounded(inverted, 0.18)),
    coat('white', rounded(scaled(inverted, [0, -0.21], 0.62), 0.08)),
  ],
  'no entry': [coat('red', disc([0, 0], 1)), coat('white', rectangle(-0.74, -0.19, 0.74, 0.19))],
  'speed limit 30': speedLimit('30'),
  'speed limit 50': speedLimit('50'),
  'speed limit 80': speedLimit('80'),
  'no overtaking': [
    coat('red', disc([0, 0], 1)),
    coat('white', disc([0, 0], 0.8)),
    coat('red', ...place(car, [-0.34, -0.02], 0.6)),
    coat('black', ...place(car, [0.34, -0.02], 0.6)),
    coat('white', ...place([carWindow], [-0.34, -0.02], 0.6), ...place([carWindow], [0.34, -0.02], 0.6)),
  ],
  'priority road': [
    coat(
      'black',
      rounded(
        [
          [0, -1],
          [1, 0],
          [0, 1],
          [-1, 0],
        ],
        0.12,
      ),
    ),
    coat(
      'white',
      rounded(
        [
          [0, -0.95],
          [0.95, 0],
          [0, 0.95],
          [-0.95, 0],
        ],
        0.12,
      ),
    ),
    coat(
      'yellow',
      rounded(
        [
          [0, -0.66],
          [0.66, 0],
          [0, 0.66],
          [-0.66, 0],
        ],
        0.06,
      ),
    ),
  ],
  'no parking': [
    coat('red', disc([0, 0], 1)),
    coat('blue', disc([0, 0], 0.8)),
    coat(
      'red',
      ...stroke(
        [
          [-0.6, -0.6],
          [0.6, 0.6],
        ],
        0.22,
      ),
    ),
  ],
  'ahead only': mandatory(
    ...arrow(
      [
        [0, 0.7],
        [0, -0.16],
      ],
      0.28,
      0.58,
      0.86,
    ),
  ),
  'turn right': mandatory(
    ...arrow(
      [
        [-0.38, 0.62],
        [-0.38, -0.12],
        [0.2, -0.12],
      ],
      0.28,
      0.54,
      0.84,
    ),
  ),
  roundabout: mandatory(
    ...place(roundaboutArrow, [0, 0]),
    ...place(roundaboutArrow, [0, 0], 1, 120),
    ...place(roundaboutArrow, [0, 0], 1, 240),
  ),
  'pedestrian crossing': [
    coat(
      'white',
      rounded(
        [
          [-1, -1],
          [1, -1],
          [1, 1],
          [-1, 1],
        ],
        0.16,
      ),
    ),
    coat(
      'blue',
      rounded(
        [
          [-0.94, -0.94],
          [0.94, -0.94],
          [0.94, 0.94],
          [-0.94, 0.94],
        ],
        0.12,
      ),
    ),
    coat(
      'white',
      polygon([
        [0, -0.82],
        [0.84, 0.72],
        [-0.84, 0.72],
      ]),
    ),
    coat(
      'black',
      ...place(walker, [0, 0.1], 0.94),
      rectangle(-0.72, 0.58, -0.44, 0.7),
      rectangle(-0.34, 0.58, -0.08, 0.7),
      rectangle(0.06, 0.58, 0.32, 0.7),
      rectangle(0.42, 0.58, 0.7, 0.7),
    ),
  ],
  roadworks: warning(coat('black', ...place(digger, [-0.02, 0.24], 0.82))),
  'slippery road': warning(
    coat('black', ...place(car, [0.03, 0.08], 0.52, 12)),
    coat(
      'black',
      ...stroke(
        [
          [-0.1, 0.38],
          [-0.2, 0.46],
          [-0.04, 0.54],
          [-0.16, 0.64],
        ],
        0.07,
      ),
      ...stroke(
        [
          [0.16, 0.42],
          [0.06, 0.5],
          [0.22, 0.56],
          [0.1, 0.66],
        ],
        0.07,
      ),
    ),
  ),
  'end of restrictions': [
    coat('black', disc([0, 0], 1)),
    coat('white', disc([0, 0], 0.93)),
    coat(
      'black',
      ...[-0.3, -0.1, 0.1, 0.3].flatMap((shift) =>
        stroke(
          [
            [shift - 0.6, shift + 0.6],
            [shift + 0.6, shift - 0.6],
          ],
          0.13,
        ),
      ),
    ),
  ],
}
