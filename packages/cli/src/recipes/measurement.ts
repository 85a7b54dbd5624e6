/** A number that an experiment ends with, beside the published one and beside what it should be. */
import { clopperPearson } from 'saddlepoint'

export interface Measurement {
  readonly id: string
  /** In words, for the page. */
  readonly what: string
  readonly ours: number
  /** Where the truth lies with 95 % confidence, or between which values the seeds lie. */
  readonly interval?: readonly [number, number]
  readonly published?: number
  /** Where the published figure stands. */
  readonly source?: string
  /** What is asked of it: `>= 0.97`, `<= 0.05`, `0.55..0.7`. */
  readonly mark?: string
  readonly met?: boolean
  /** How a page shows it. @default share */
  readonly unit?: 'share' | 'number'
}

export interface Asked {
  readonly published?: number
  readonly source?: string
  readonly mark?: string
  readonly unit?: Measurement['unit']
}

/** A number, and whether its mark is met. */
export function measurement(
  id: string,
  what: string,
  ours: number,
  { interval, ...asked }: Asked & { readonly interval?: readonly [number, number] } = {},
): Measurement {
  return {
    id,
    what,
    ours,
    ...(interval && { interval }),
    ...asked,
    ...(asked.mark && { met: meets(ours, asked.mark) }),
  }
}

/** A share of samples, with its exact interval (Clopper & Pearson 1934). */
export function share(
  id: string,
  what: string,
  successes: number,
  samples: number,
  asked: Asked = {},
): Measurement {
  return measurement(id, what, successes / samples, {
    ...asked,
    interval: clopperPearson(successes, samples),
  })
}

/** The mean over seeds; the interval is that from the least to the greatest. */
export function overSeeds(
  id: string,
  what: string,
  values: readonly number[],
  asked: Asked = {},
): Measurement {
  const mean = values.reduce((a, b) => a + b, 0) / values.length
  const interval = [Math.min(...values), Math.max(...values)] as const
  return measurement(id, what, mean, { ...asked, ...(values.length > 1 && { interval }) })
}

/** @throws RangeError for a mark that is none */
export function meets(value: number, mark: string): boolean {
  const [, bound, limit] = /^([<>]=) ?(-?[\d.]+)$/.exec(mark) ?? []
  if (bound) return bound === '>=' ? value >= Number(limit) : value <= Number(limit)
  const [, low, high] = /^(-?[\d.]+)\.\.(-?[\d.]+)$/.exec(mark) ?? []
  if (high === undefined) throw new RangeError(`"${mark}" is no mark: write >= 0.9, <= 0.1 or 0.55..0.7`)
  return value >= Number(low) && value <= Number(high)
}

/** A name as a part of an id or a file name. */
export const idOf = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')

/** A share as a message says it. */
export const percent = (value: number): string => `${(100 * value).toFixed(1)} %`
