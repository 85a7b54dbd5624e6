/** Numbers as people read them: percentages, radii as fractions of 255, counts, times. */

const NOTHING = '–'

const digits = (share: number): string => {
  const percent = share * 100
  if (share === 0 || share === 1) return `${percent}`
  // A share that is not quite none or all must not be printed as none or all.
  for (const places of [1, 2, 3]) {
    const text = percent.toFixed(places)
    if (Number(text) !== 0 && Number(text) !== 100) return text
  }
  return percent < 50 ? '<0.001' : '>99.999'
}

/** A share in [0, 1] as `98.4 %`. */
export const percent = (share: number): string => (Number.isFinite(share) ? `${digits(share)} %` : NOTHING)

/** An interval of shares as `0.4–3.1 %`. */
export const percentRange = ([low, high]: readonly [number, number]): string =>
  Number.isFinite(low) && Number.isFinite(high) ? `${digits(low)}–${digits(high)} %` : NOTHING

/** A count with thousands separated. */
export const count = (value: number): string =>
  Number.isFinite(value) ? Math.round(value).toLocaleString('en-US') : NOTHING

/** A count and its noun: `1 sample`, `256 samples`. */
export const plural = (value: number, one: string, many = `${one}s`): string =>
  `${count(value)} ${value === 1 ? one : many}`

/** A number to three significant digits, whole from 1,000 on, without a trailing `.0`. */
export const number = (value: number): string => {
  if (value === Infinity) return '∞'
  // Also what JSON made of a NaN: null.
  if (!Number.isFinite(value)) return NOTHING
  if (Number.isInteger(value) || Math.abs(value) >= 1000) return count(value)
  return Math.abs(value) < 1e-4 ? value.toExponential(2) : `${Number(value.toPrecision(3))}`
}

/**
 * A radius as a whole or half multiple of 1/255, or nothing where it is none. Round decimals that happen to be
 * one (0.2 = 51/255) were not meant as one.
 */
export const in255 = (eps: number): number | undefined => {
  const halves = Math.round(eps * 510)
  // Wide enough for a radius that went through float32, far narrower than anything a person types.
  if (!(eps > 0 && eps < Infinity) || Math.abs(eps * 510 - halves) > 1e-4) return undefined
  return halves % 51 === 0 ? undefined : halves / 2
}

/** A radius in full: `8/255 (0.0314)` where the fraction is exact, else `0.3`. */
export const radius = (eps: number): string => {
  const k = in255(eps)
  return k === undefined ? radiusShort(eps) : `${k}/255 (${number(eps)})`
}

/** A radius in a sentence or a heading: `8/255` or `0.3`. */
export const radiusShort = (eps: number): string => {
  const k = in255(eps)
  if (k !== undefined) return `${k}/255`
  return Number.isFinite(eps) ? `${Number(eps.toPrecision(6))}` : number(eps)
}

const SUBSCRIPTS: Readonly<Record<string, string>> = { linf: 'L∞', l0: 'L0', l1: 'L1', l2: 'L2' }

/** A norm's name on a page; other perturbation families keep their own name. */
export const normName = (norm: string): string => SUBSCRIPTS[norm.toLowerCase()] ?? norm

/** A norm's name in plain text. */
export const normText = (norm: string): string => (/^l(\d|inf)$/i.test(norm) ? `L${norm.slice(1)}` : norm)

/** A time: `0.42 s`, `12.3 s`, `3 min 12 s`, `2 h 05 min`. */
export const duration = (seconds: number): string => {
  if (!Number.isFinite(seconds)) return NOTHING
  if (seconds < 1) return `${Number(seconds.toPrecision(2))} s`
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`
  const minutes = Math.round(seconds / 60)
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`
}

/** A start time as `2026-03-01 12:00:00 UTC`; text that is no time stays as it is. */
export const instant = (iso: string): string => {
  const time = new Date(iso)
  return Number.isNaN(time.getTime())
    ? iso
    : time
        .toISOString()
        .replace('T', ' ')
        .replace(/\.\d+Z$/, ' UTC')
}

/** `a`, `a and b`, `a, b and c`. */
export const list = (items: readonly string[]): string =>
  items.length < 2 ? (items[0] ?? '') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`

/** A class by its label where there is one: `cat (3)`, else `class 3`. */
export const className = (index: number, labels?: readonly string[]): string =>
  labels?.[index] ? `${labels[index]} (${index})` : `class ${index}`

/** Any option's value on one line, also those JSON has no word for. */
export const value = (option: unknown): string =>
  typeof option === 'string'
    ? option
    : (JSON.stringify(option, (_key, inner: unknown) => {
        if (typeof inner === 'bigint') return String(inner)
        if (typeof inner === 'number' && !Number.isFinite(inner)) return String(inner)
        if (ArrayBuffer.isView(inner)) return Array.from(inner as Float32Array)
        return inner
      }) ?? String(option))
