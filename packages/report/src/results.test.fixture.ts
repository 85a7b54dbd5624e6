/** Results and pictures made by hand, consistent with each other, for the tests of this package. */
import type { AttackSummary, EvaluationResult, GalleryItem, SampleResult, ThreatResult } from 'saddlepoint'
import { interval } from './interval.ts'

const CORRECT = 252
const SAMPLES = 256

const attack = (name: string, robust: number, rest: Partial<AttackSummary> = {}): AttackSummary => ({
  robustAccuracy: robust / SAMPLES,
  attackSuccessRate: (CORRECT - robust) / CORRECT,
  claimed: CORRECT - robust,
  verified: CORRECT - robust,
  verifiedAfterRounding: CORRECT - robust,
  attacked: CORRECT,
  options: { steps: 40, stepSize: 2 / 255, randomStart: true },
  reference: `Authors of ${name}, 2018, eq. (2)`,
  forwards: 10_240,
  backwards: 10_240,
  queries: 0,
  seconds: 12.34,
  ...rest,
})

/** A threat whose worst case leaves `robust` of 256 samples. */
export const threat = (norm: string, eps: number, robust: number): ThreatResult => ({
  norm,
  eps,
  robustAccuracy: robust / SAMPLES,
  interval: interval(robust / SAMPLES, SAMPLES),
  attacks: {
    pgd: attack('pgd', robust + 3, {
      claimed: CORRECT - robust,
      verifiedAfterRounding: CORRECT - robust - 8,
    }),
    'apgd-ce': attack('apgd-ce', robust + 1, { seconds: 192 }),
    square: attack('square', robust + 20, { backwards: 0, queries: 1_280_000, forwards: 1_280_000 }),
  },
})

const key = `linf:${8 / 255}:pgd`

const samples: SampleResult[] = [
  [0, 3, 3, 5, true],
  [1, 3, 3, 5, true],
  [2, 3, 3, 4, true],
  [3, 1, 1, 1, false],
  [4, 2, 0, 0, true],
].map(([index, label, predicted, after, success]) => ({
  index: Number(index),
  label: Number(label),
  predicted: Number(predicted),
  confidence: 0.9,
  attacks: { [key]: { success: success === true, size: 0.03125, predicted: Number(after), confidence: 0.8 } },
}))

/** A complete run of three attacks at four points, with parts replaced where a test needs another. */
export const evaluation = (rest: Partial<EvaluationResult> = {}): EvaluationResult => ({
  model: {
    path: 'models/standard.onnx',
    sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    input: 'images',
    inputShape: [-1, 3, 32, 32],
    classes: 10,
    notices: ['A final Softmax was removed: attacks work on the logits.'],
  },
  data: {
    name: 'cifar10 test',
    samples: SAMPLES,
    skipped: [{ file: 'cat/broken.png', reason: 'not a picture' }],
  },
  seed: 7,
  cleanAccuracy: CORRECT / SAMPLES,
  results: [
    threat('linf', 2 / 255, 120),
    threat('linf', 4 / 255, 31),
    threat('linf', 8 / 255, 3),
    threat('l2', 0.5, 60),
  ],
  minimumNorm: { fmn: { norm: 'l2', median: 0.142, mean: 0.163, successRate: 1 } },
  audit: [
    {
      check: 'Success grows with eps',
      status: 'pass',
      saw: '53 %, 88 %, 99 %',
      means: 'The attacks behave as they should.',
      try: 'Nothing.',
    },
    {
      check: 'Black-box beats white-box',
      status: 'fail',
      saw: 'square found 4 samples that pgd did not',
      means: 'Gradients may be masked.',
      try: 'Run apgd-t with more restarts.',
    },
    {
      check: 'Attacks converged',
      status: 'warn',
      saw: 'the loss still grew in the last 10 steps of pgd',
      means: 'More steps could find more.',
      try: 'pgd:steps=200',
    },
  ],
  ledger: { forwards: 1_300_480, backwards: 20_480, queries: 1_280_000, seconds: 216.7 },
  options: {
    attacks: ['pgd', 'apgd-ce', 'square'],
    batch: 64,
    providers: ['cpu'],
    limit: 256,
    maxTimeMs: null,
  },
  versions: { saddlepoint: '0.1.0', 'onnxruntime-node': '1.24.0', node: '20.20.2' },
  startedAt: '2026-03-01T12:00:00.000Z',
  seconds: 231.4,
  complete: true,
  samples,
  ...rest,
})

/** A picture of soft shapes and a perturbation of signs, both determined by `index`. */
export const item = (
  index: number,
  shape: readonly [number, number, number],
  rest: Partial<GalleryItem> = {},
): GalleryItem => {
  const [channels, height, width] = shape
  const original = new Float32Array(channels * height * width)
  const adversarial = new Float32Array(original.length)
  for (let at = 0; at < original.length; at++) {
    const channel = Math.floor(at / (height * width))
    const y = (Math.floor(at / width) % height) / height - 0.5
    const x = (at % width) / width - 0.5
    const ring = Math.exp(-60 * (Math.hypot(x, y) - 0.2 - 0.03 * channel - 0.02 * index) ** 2)
    original[at] = Math.min(1, 0.15 + 0.8 * ring)
    const sign = Math.sign(Math.sin(37 * x * (index + 1)) * Math.cos(29 * y + channel)) || 1
    adversarial[at] = Math.max(0, Math.min(1, original[at]! + (sign * 8) / 255))
  }
  return {
    index,
    source: `cat/${index}.png`,
    label: 3,
    norm: 'linf',
    eps: 8 / 255,
    attack: 'pgd',
    shape,
    original,
    adversarial,
    before: [0.962, 0.021, 0.009, 0.005, 0.003].map((probability, place) => ({
      label: 3 + place,
      probability,
    })),
    after: [5, 3, 4, 2, 6].map((label, place) => ({
      label,
      probability: [0.81, 0.14, 0.03, 0.012, 0.008][place]!,
    })),
    ...rest,
  }
}

/** Class names for `evaluation`. */
export const labels = [
  'airplane',
  'automobile',
  'bird',
  'cat',
  'deer',
  'dog',
  'frog',
  'horse',
  'ship',
  'truck',
]
