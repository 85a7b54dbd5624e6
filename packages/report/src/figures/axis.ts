/** One axis of a plot: its range, the ticks for which there is room, and where a value lies along it. */
import { extent } from 'd3-array'
import { scaleLinear, scaleLog } from 'd3-scale'

export interface AxisOptions {
  /** What is measured, such as `Accuracy`. */
  readonly title: string
  /** In what it is measured, such as `%` or `1/255`; printed after the title in parentheses. */
  readonly unit?: string
  /** @default 'linear' */
  readonly scale?: 'linear' | 'log'
  /** The range shown. By default that of the data, widened to round numbers. */
  readonly domain?: readonly [low: number, high: number]
  /** Where the ticks are. By default at round numbers; those without room are left out either way. */
  readonly ticks?: readonly number[]
  /** How a tick is written. */
  readonly format?: (value: number) => string
}

export interface Tick {
  /** Pixels from the low end. */
  readonly at: number
  /** Minor ticks of a logarithmic axis have none. */
  readonly label?: string
}

export interface Axis {
  readonly name: string
  readonly domain: readonly [number, number]
  readonly ticks: readonly Tick[]
  /** Pixels from the low end. */
  readonly position: (value: number) => number
}

/** Room along the axis that a label needs, in pixels, with the space beside it. */
export type Room = (label: string) => number

const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹'
const power = (exponent: number): string =>
  `10${exponent < 0 ? '⁻' : ''}${[...String(Math.abs(exponent))].map((digit) => SUPERSCRIPTS[Number(digit)]).join('')}`

const plain = (value: number): string =>
  Number(value.toPrecision(4)).toLocaleString('en-US', { maximumSignificantDigits: 4 }).replace('-', '−')

const logarithmic = (value: number): string => {
  const exponent = Math.round(Math.log10(value))
  const decade = Math.abs(value / 10 ** exponent - 1) < 1e-9
  return decade && (exponent < -3 || exponent > 5) ? power(exponent) : plain(value)
}

const apart = (ticks: readonly Tick[], room: Room): boolean =>
  ticks.every(({ at, label }, index) => {
    const before = ticks[index - 1]
    return !before || Math.abs(at - before.at) >= (room(label ?? '') + room(before.label ?? '')) / 2
  })

/** Drops the labels that would run into one before them. */
const thinned = (ticks: readonly Tick[], room: Room): Tick[] => {
  const kept: Tick[] = []
  for (const tick of ticks.toSorted((a, b) => a.at - b.at)) {
    if (apart([...kept.slice(-1), tick], room)) kept.push(tick)
  }
  return kept
}

const ranged = (options: AxisOptions, data: readonly number[], where: string): [number, number] => {
  const log = options.scale === 'log'
  const values = [...(options.domain ?? data)].filter((value) => Number.isFinite(value))
  const [low, high] = extent(values) as [number, number] | [undefined, undefined]
  if (low === undefined) return log ? [1, 10] : [0, 1]
  if (log && low <= 0)
    throw new Error(
      `${where}: ${low} on the logarithmic axis "${options.title}", which shows positive values only; ` +
        "leave such values out or set scale: 'linear'",
    )
  if (low < high) return [low, high]
  // One value alone stands in the middle.
  if (log) return [low / 10, low * 10]
  return low === 0 ? [-1, 1] : [low - Math.abs(low) / 2, low + Math.abs(low) / 2]
}

const linear = (options: AxisOptions, domain: readonly [number, number], length: number, room: Room) => {
  const scale = scaleLinear(domain, [0, length])
  if (!options.domain) scale.nice()
  for (let count = 10; count > 1; count--) {
    const tickFormat = scale.tickFormat(count)
    const format = options.format ?? ((value: number) => tickFormat(value))
    const ticks = scale.ticks(count).map((value) => ({ at: scale(value), label: format(value) }))
    // More than one tick in 32 pixels is unrest.
    if (ticks.length <= Math.max(2, length / 32) && apart(ticks, room)) return { scale, ticks }
  }
  const [low, high] = scale.domain() as [number, number]
  const format = options.format ?? plain
  return { scale, ticks: thinned([low, high].map((value) => ({ at: scale(value), label: format(value) })), room) } // prettier-ignore
}

const log = (options: AxisOptions, domain: readonly [number, number], length: number, room: Room) => {
  const scale = scaleLog(domain, [0, length])
  if (!options.domain) scale.nice()
  const format = options.format ?? logarithmic
  const all = scale.ticks(10)
  const decades = all.filter((value) => Math.abs(Math.log10(value) - Math.round(Math.log10(value))) < 1e-9)
  const labelled = decades.length > 1 ? decades : all
  const ticks: Tick[] = thinned(labelled.map((value) => ({ at: scale(value), label: format(value) })), room) // prettier-ignore
  const minor = all.map((value) => scale(value)).filter((at) => !ticks.some((tick) => tick.at === at))
  return { scale, ticks: [...ticks, ...minor.map((at) => ({ at }))] }
}

/**
 * An axis of `length` pixels for the data.
 * @throws where a logarithmic axis would have to show zero or less
 */
export const axis = (
  options: AxisOptions,
  data: readonly number[],
  length: number,
  room: Room,
  where: string,
): Axis => {
  const domain = ranged(options, data, where)
  const { scale, ticks } = (options.scale === 'log' ? log : linear)(options, domain, length, room)
  const format = options.format ?? (options.scale === 'log' ? logarithmic : plain)
  const [low, high] = scale.domain() as [number, number]
  const chosen = options.ticks
    ?.filter((value) => value >= low && value <= high)
    .map((value) => ({ at: scale(value), label: format(value) }))
  return {
    name: options.unit === undefined ? options.title : `${options.title} (${options.unit})`,
    domain: [low, high],
    ticks: chosen ? thinned(chosen, room) : ticks,
    position: (value) => scale(value),
  }
}
