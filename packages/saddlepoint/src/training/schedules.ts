/**
 * Learning-rate schedules: the part of the peak rate to use at each point of a run. They take the share of the run that
 * is done, in [0, 1], so that a run whose length is a matter of time still ends where its schedule ends.
 */

/** @param done share of the run that is done, in [0, 1] */
export type Schedule = (done: number) => number

export const constantRate = (): Schedule => () => 1

/** Multiplied by `factor` at each of the given points of the run. */
export const stepDecay =
  (points: readonly number[] = [0.5, 0.75], factor = 0.1): Schedule =>
  (done) =>
    factor ** points.filter((p) => done >= p).length

/** Half a cosine from 1 to `floor`, after a linear warm-up (Loshchilov & Hutter 2017). */
export const cosine = ({ warmUp = 0, floor = 0 }: { warmUp?: number; floor?: number } = {}): Schedule => {
  return (done) => {
    if (done < warmUp) return done / warmUp
    const t = Math.min((done - warmUp) / (1 - warmUp), 1)
    return floor + ((1 - floor) * (1 + Math.cos(Math.PI * t))) / 2
  }
}

/** Straight up from `low` to 1 at `peak`, straight down to `low` at the end (Wong, Rice, Kolter 2020; Smith 2017). */
export const cyclic =
  ({ peak = 0.4, low = 0 }: { peak?: number; low?: number } = {}): Schedule =>
  (done) =>
    low + (1 - low) * (done < peak ? done / peak : Math.max((1 - done) / (1 - peak), 0))

/** Half a cosine from one value to another; t in [0, 1]. */
const between = (from: number, to: number, t: number) =>
  to + ((from - to) * (1 + Math.cos(Math.PI * Math.min(t, 1)))) / 2

/** Cosines up from `start` and down to `end` (Smith & Topin 2019). */
export const oneCycle =
  ({
    peak = 0.25,
    start = 0.04,
    end = 1e-4,
  }: { peak?: number; start?: number; end?: number } = {}): Schedule =>
  (done) => {
    return done < peak ? between(start, 1, done / peak) : between(1, end, (done - peak) / (1 - peak))
  }

export const schedules = {
  constant: constantRate,
  step: stepDecay,
  cosine,
  cyclic,
  'one-cycle': oneCycle,
} as const
